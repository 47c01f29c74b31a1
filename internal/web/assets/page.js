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
    if ('far' in el.dataset) continue;
    const date = day.format(at);
    el.textContent = date === today ? clock.format(at) : `${date} ${clock.format(at)}`;
  }
}

// How far an instant is from now is told by the server when it writes the page. From then on it is counted
// here, by the server's clock: this machine's own may be wrong.
const main = document.getElementById('main');
const units = (main.dataset.units || '').split('|');
let ahead = 0; // how far this machine's clock is ahead of the server's, in milliseconds

function setClock(newer) {
  const now = Date.parse(newer.dataset.now);
  if (!isNaN(now)) ahead = Date.now() - now;
}

// span writes how long, in the two largest units that tell; as the server does.
function span(ms) {
  const s = Math.floor(Math.abs(ms) / 1000);
  const n = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
  const first = n.findIndex((x, i) => x || i === 3);
  const text = (i) => units[i].replace('{0}', n[i].toLocaleString('en'));
  return first < 3 && n[first + 1] && !(first === 2 && n[2] >= 10) ? `${text(first)} ${text(first + 1)}` : text(first);
}

function distances(root) {
  const chosen = getSelection();
  for (const el of root.querySelectorAll('time[data-far]')) {
    const text = el.dataset.far.replace('{0}', span(Date.now() - ahead - Date.parse(el.dateTime)));
    if (el.textContent === text || (!chosen.isCollapsed && chosen.containsNode(el, true))) continue;
    el.firstChild.nodeValue = text;
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

const box = document.getElementById('refresh');
const announce = document.getElementById('announce');
const every = Number(main.dataset.refresh || 0) * 1000;
let timer = 0, failures = 0, paused = false, busy = null;
let seen = Date.now(); // when this page was as it is on the server

function say(text, state) {
  box.querySelector('.says').textContent = text;
  box.className = `refresh ${state}`;
}

const counts = (root) => new Map([...root.querySelectorAll('[data-count]')].map((el) => [el.getAttribute('href'), el.dataset.count]));

const key = (node) => node.dataset?.row || node.dataset?.live || '';

// morph makes old what fresh is, and touches only what differs: so the focus, what is selected and how far
// something is scrolled stay. What has a key stays the same element wherever it goes.
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || key(old) !== key(fresh)) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const keyed = new Map([...old.children].filter(key).map((el) => [key(el), el]));
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = key(child) ? keyed.get(key(child)) : at && !key(at) && at;
    if (!same) {
      old.insertBefore(child, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    morph(same, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// swap makes the regions of this page what they are on a newer one.
function swap(page) {
  const before = counts(document);
  const phases = new Map([...document.querySelectorAll('[data-row]')].map((el) => [el.dataset.row, el.dataset.phase]));
  const focused = document.activeElement;
  setClock(page.getElementById('main'));
  localTimes(page);
  distances(page);
  for (const region of document.querySelectorAll('[data-live]')) {
    const fresh = page.querySelector(`[data-live="${region.dataset.live}"]`);
    if (fresh) morph(region, fresh);
  }
  for (const row of document.querySelectorAll('[data-row]')) {
    row.classList.toggle('fresh', phases.size > 0 && phases.get(row.dataset.row) !== row.dataset.phase);
  }
  if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true }); // it was moved
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
      pause(true);
      if (res.status === 404) return location.reload();
      say(box.dataset.signedout, 'fail');
      announce.textContent = box.dataset.signedout;
      return;
    }
    if (!res.ok) throw new Error(String(res.status));
    swap(new DOMParser().parseFromString(await res.text(), 'text/html'));
    failures = 0;
    seen = Date.now();
    everySecond();
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

function pause(yes) {
  paused = yes;
  clearTimeout(timer);
  const button = box.querySelector('button');
  button.setAttribute('aria-label', paused ? box.dataset.resume : box.dataset.pause);
  button.title = button.getAttribute('aria-label');
  button.querySelector('use').setAttribute('href', paused ? '#i-play' : '#i-pause');
}

// everySecond keeps distances true, and greys a page that is older than two updates.
function everySecond() {
  distances(document);
  const stale = Date.now() - seen > 2 * every;
  if (stale === main.classList.contains('stale')) return;
  main.classList.toggle('stale', stale);
  box.querySelector('.since').textContent = stale ? box.dataset.stale.replace('{0}', clock.format(new Date(seen))) : '';
}

function watchForNews() {
  box.querySelector('button').addEventListener('click', () => {
    pause(!paused);
    if (paused) say(box.dataset.paused, 'off');
    else refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (paused) return;
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  pause(false);
  say(box.dataset.every, '');
  box.hidden = false;
  setInterval(everySecond, 1000);
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

// The examples in the form to watch a job are the chosen provider's.
function examples(form) {
  const choice = form.elements.provider;
  choice.addEventListener('change', () => {
    const { scope, id } = choice.selectedOptions[0].dataset;
    form.elements.scope.placeholder = scope;
    form.elements.job_id.placeholder = id;
  });
}

function forgetWhatWasDone() {
  const url = new URL(location.href);
  if (!url.searchParams.has('done')) return;
  url.searchParams.delete('done');
  history.replaceState(null, '', url);
}

localTimes(document);
setClock(main);
sayZone();
copyButtons();
forgetWhatWasDone();
if (box && every) {
  watchForNews();
  const form = document.querySelector('form[role=search]');
  if (form) searchWhileTyping(form);
}
const watch = document.getElementById('watch');
if (watch) examples(watch);
