// What a page can do beyond its HTML: local times, news without a reload, search while typing.
// Everything works without it, only less well.

const html = document.documentElement;
const lang = html.lang;
html.classList.add('live');

// ---- times ----

const full = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'long' });
const day = new Intl.DateTimeFormat(lang, { year: 'numeric', month: 'short', day: 'numeric' });
const clock = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

function localTimes(root) {
  const today = day.format(new Date());
  for (const el of root.querySelectorAll('time[datetime]')) {
    const at = new Date(el.dateTime);
    if (isNaN(at)) continue;
    el.title = full.format(at);
    if ('keep' in el.dataset) continue;
    const date = day.format(at);
    el.textContent = date === today ? clock.format(at) : `${date} ${clock.format(at)}`;
  }
}

function sayZone() {
  const el = document.getElementById('zone');
  if (!el) return;
  const part = new Intl.DateTimeFormat(lang, { timeZoneName: 'shortOffset' }).formatToParts(new Date()).find((p) => p.type === 'timeZoneName');
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  el.textContent = el.dataset.text.replace('{0}', part && part.value !== name ? `${name} (${part.value})` : name);
}

// ---- news ----

const main = document.getElementById('main');
const box = document.getElementById('refresh');
const announce = document.getElementById('announce');
const every = Number(main.dataset.refresh || 0) * 1000;
let timer = 0, failures = 0, paused = false, busy = null;

function say(text, state) {
  box.querySelector('.says').textContent = text;
  box.className = `refresh ${state}`;
}

const counts = (root) => new Map([...root.querySelectorAll('[data-count]')].map((el) => [el.getAttribute('href'), el.dataset.count]));

// swap puts the regions of a newer page in place of those of this one, and keeps the focus.
function swap(page) {
  const before = counts(document);
  const phases = new Map([...document.querySelectorAll('[data-row]')].map((el) => [el.dataset.row, el.dataset.phase]));
  for (const region of document.querySelectorAll('[data-live]')) {
    const fresh = page.querySelector(`[data-live="${region.dataset.live}"]`);
    if (!fresh) continue;
    const focused = region.contains(document.activeElement) && document.activeElement.getAttribute('href');
    const scrolled = region.querySelector('.scroll')?.scrollLeft;
    localTimes(fresh);
    region.replaceWith(fresh);
    if (focused) [...fresh.querySelectorAll('[href]')].find((el) => el.getAttribute('href') === focused)?.focus({ preventScroll: true });
    if (scrolled) fresh.querySelector('.scroll').scrollLeft = scrolled;
    for (const row of fresh.querySelectorAll('[data-row]')) {
      const was = phases.get(row.dataset.row);
      row.classList.toggle('fresh', phases.size > 0 && was !== row.dataset.phase);
    }
  }
  const changed = [...counts(document)].filter(([href, text]) => before.has(href) && before.get(href) !== text).map(([, text]) => text);
  if (changed.length) announce.textContent = box.dataset.changed.replace('{0}', changed.join(', '));
}

async function refresh() {
  clearTimeout(timer);
  busy?.abort();
  const mine = busy = new AbortController();
  const limit = setTimeout(() => mine.abort(), 20000);
  try {
    const res = await fetch(location.href.replace(/#.*/, ''), { headers: { Accept: 'text/html' }, signal: mine.signal });
    if (res.status === 401 || res.status === 404) {
      stop();
      if (res.status === 404) return location.reload();
      say(box.dataset.signedout, 'fail');
      announce.textContent = box.dataset.signedout;
      return;
    }
    if (!res.ok) throw new Error(String(res.status));
    swap(new DOMParser().parseFromString(await res.text(), 'text/html'));
    failures = 0;
    say(box.dataset.last.replace('{0}', clock.format(new Date())), '');
    document.dispatchEvent(new Event('refreshed'));
  } catch (err) {
    if (mine !== busy) return; // a newer one is on its way
    failures++;
    const text = box.dataset.fail.replace('{0}', Math.round(wait() / 1000));
    say(text, 'fail');
    if (failures === 1) announce.textContent = text;
  } finally {
    clearTimeout(limit);
  }
  if (mine === busy) plan();
}

const wait = () => Math.min(every * 2 ** failures, Math.max(every, 300000));

function plan() {
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(refresh, wait());
}

function stop() {
  paused = true;
  clearTimeout(timer);
}

function watchForNews() {
  const button = box.querySelector('button');
  const show = () => {
    button.setAttribute('aria-label', paused ? box.dataset.resume : box.dataset.pause);
    button.title = button.getAttribute('aria-label');
    button.querySelector('use').setAttribute('href', paused ? '#i-play' : '#i-pause');
  };
  button.addEventListener('click', () => {
    paused = !paused;
    show();
    if (paused) {
      stop();
      say(box.dataset.paused, 'off');
    } else refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (paused) return;
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  show();
  say(box.dataset.every, '');
  box.hidden = false;
  plan();
}

// ---- search while typing ----

function searchWhileTyping(form) {
  const field = form.elements.q;
  let soon = 0;
  const go = () => {
    clearTimeout(soon);
    const url = new URL(location.href);
    if (url.searchParams.get('q') === (field.value || null)) return;
    for (const name of ['q', 'cursor', 'done']) url.searchParams.delete(name);
    if (field.value) url.searchParams.set('q', field.value);
    history.replaceState(null, '', url);
    refresh();
  };
  field.addEventListener('input', () => {
    clearTimeout(soon);
    soon = setTimeout(go, 250);
  });
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    go();
  });
}

// ---- small things ----

function copyButtons() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      const icon = button.querySelector('use');
      icon.setAttribute('href', '#i-done');
      if (announce) announce.textContent = button.dataset.copied;
      setTimeout(() => icon.setAttribute('href', '#i-copy'), 1500);
    });
  }
}

function forgetWhatWasDone() {
  const url = new URL(location.href);
  if (!url.searchParams.has('done')) return;
  url.searchParams.delete('done');
  history.replaceState(null, '', url);
}

localTimes(document);
sayZone();
copyButtons();
forgetWhatWasDone();
if (box && every) {
  watchForNews();
  const form = document.querySelector('form[role=search]');
  if (form) searchWhileTyping(form);
}
