'use strict';

// node check.js [--folder ../..] [--env ../../.env] [--package ../../build/migwatch.zip] [--json]
// says what is wrong with a deployment, or, with --json, what the tool would send.

const path = require('node:path');
const { parseArgs } = require('node:util');
const archive = require('./lib/archive');
const { readEnv } = require('./lib/resolve');
const { check } = require('./lib/rules');

const root = path.join(__dirname, '..', '..');
const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: root },
    env: { type: 'string', default: path.join(root, '.env') },
    package: { type: 'string', default: path.join(root, 'build', 'migwatch.zip') },
    json: { type: 'boolean', default: false },
  },
});
const result = check({
  folder: values.folder,
  env: { ...readEnv(values.env), ...process.env },
  files: archive.open(values.package),
});
for (const problem of result.problems) console.error(problem);
if (values.json) {
  const hide = (body) => ({ ...body, Environment: body.Environment && { Variables: body.Environment.Variables.map(({ Key }) => Key) } });
  console.log(JSON.stringify({ functions: Object.values(result.functions).map((f) => hide(f.body)), triggers: result.calls.map((c) => c.body) }, null, 2));
}
process.exitCode = result.problems.length > 0 ? 1 : 0;
