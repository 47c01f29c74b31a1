'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { readEnv } = require('../lib/resolve');

const root = path.join(__dirname, '..', '..', '..');

// env is .env.example with what must be filled in.
function env(changes = {}) {
  const base = { ...readEnv(path.join(root, '.env.example')), MIGWATCH_DATABASE_URL: 'mysql://mig:pw@10.0.0.5:3306/migwatch' };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete base[name];
    else base[name] = value;
  }
  return base;
}

// folder gives a copy of serverless.yml with one text replaced; the text must be there.
function folder(t, from, to) {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'migwatch-deploy-'));
  t.after(() => fs.rmSync(temporary, { recursive: true }));
  let text = fs.readFileSync(path.join(root, 'serverless.yml'), 'utf8');
  if (from !== undefined) {
    if (!text.includes(from)) throw new Error(`serverless.yml has no ${JSON.stringify(from)}`);
    text = text.replace(from, () => to);
  }
  fs.writeFileSync(path.join(temporary, 'serverless.yml'), text);
  return temporary;
}

// good is what a right package looks like.
const good = () => ({
  poll: { mode: 0o755, program: { machine: 62, dynamic: false } },
  query: { mode: 0o755, program: { machine: 62, dynamic: false } },
});

module.exports = { root, env, folder, good };
