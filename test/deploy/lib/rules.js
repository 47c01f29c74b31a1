'use strict';

// What must be true of a deployment. Each problem is one sentence that names the setting and says what
// to do.

const fs = require('node:fs');
const cron = require('./cron');
const archive = require('./archive');
const { load, bodies } = require('./resolve');

const reserved = /^(SCF_|QCLOUD_|TENCENTCLOUD_)/;
const whole = /^\$\{env:[A-Za-z0-9_.-]+\}$/;
const secretName = /(KEY|SECRET|TOKEN|PASSWORD|DATABASE_URL)/;
const maxSettings = 4096;

// check judges the serverless.yml in a folder. files is what the package holds (archive.open).
function check({ folder, env, files }) {
  const problems = [];
  const add = (setting, text) => problems.push(`${setting}: ${text}`);
  const text = fs.readFileSync(`${folder}/serverless.yml`, 'utf8');
  references(text, env, add);
  const instance = load(folder, env);
  if (instance.component !== 'multi-scf') add('component', `is ${instance.component}; multi-scf holds two functions in one file`);
  const { functions, calls } = bodies(instance);
  for (const f of Object.values(functions)) checkFunction(f, files, add);
  literals(folder, add);
  for (const c of calls) checkTrigger(c, functions, add);
  if (!calls.some((c) => c.body && c.body.Type === 'timer')) add('triggers', 'have no timer: nothing would ever be polled; add one of type timer');
  if (!calls.some((c) => c.body && c.body.Type === 'http')) add('triggers', 'have no function URL: nobody could ask; add one of type http');
  leftovers(instance, add);
  return { problems, functions, calls, instance };
}

// references: the tool knows no defaults, and puts "undefined" where a variable is not set.
function references(text, env, add) {
  for (const line of text.split('\n')) {
    const code = line.replace(/(^|\s)#.*$/, '');
    for (const [, name] of code.matchAll(/\$\{env:([A-Za-z0-9_.-]+)\}/g)) {
      if (!(name in env)) add(name, `is not set; serverless.yml uses it and it would become the text "undefined": add the line ${name}= to .env`);
      else if (String(env[name]).includes('${')) add(name, 'has ${ in it, which the tool would replace; write the value itself');
    }
  }
}

// leftovers: nothing may reach the platform unresolved.
function leftovers(value, add, path = []) {
  if (typeof value === 'string') {
    const name = path.join('.') || 'the file';
    if (value.includes('${env:')) add(name, 'holds an unresolved ${env:...}; a name has letters, digits, _ . - only');
    else if (/\bundefined\b/.test(value)) add(name, 'holds the text "undefined"; set the variable it refers to in .env');
  } else if (value === undefined) {
    add(path.join('.'), 'is undefined; set the variable it refers to in .env');
  } else if (value && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) leftovers(inner, add, [...path, key]);
  }
}

// literals: a secret written into the file would be in git.
function literals(folder, add) {
  const raw = require('@serverless/components/src/cli/utils').readAndParseSync(`${folder}/serverless.yml`);
  for (const [key, func] of Object.entries(raw.inputs.functions || {})) {
    for (const { key: name, value } of func.environments || []) {
      if (typeof value === 'string' && value.includes('${env:') && !whole.test(value)) {
        add(name, `of ${key} mixes text with a variable, and the tool mangles a $ in the variable's value; give "\${env:${name}}" alone`);
      }
      if (secretName.test(name) && !whole.test(String(value))) {
        add(name, `of ${key} is written into serverless.yml; secrets come from the environment: "\${env:${name}}"`);
      }
    }
  }
}

function checkFunction({ key, own, body }, files, add) {
  const at = (setting) => `${setting} of ${key}`;
  if (body.Runtime !== 'Go1') add(at('runtime'), `is ${body.Runtime}; give Go1`);
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,58}[A-Za-z0-9]$/.test(body.FunctionName)) {
    add(at('name'), `"${body.FunctionName}" is not 2-60 letters, digits, - and _ that begin with a letter and end with a letter or digit`);
  }
  const handler = body.Type === 'HTTP' ? 'query' : body.Handler;
  const why = archive.wrong(files, handler);
  if (why) add(at('handler'), `"${handler}" ${why}`);
  const m = body.MemorySize;
  if (!(m === 64 || (m >= 128 && m <= 3072 && m % 128 === 0))) add(at('memorySize'), `${m} is no size the platform has; give 64, or 128 to 3072 in steps of 128`);
  if (!(Number.isInteger(body.Timeout) && body.Timeout >= 1 && body.Timeout <= 900)) add(at('timeout'), `${body.Timeout} is not 1 to 900 seconds`);
  else if (own.timeout === undefined) add(at('timeout'), 'is not given, and the default of 3 seconds is too short; give 55 for poll, 10 for query');
  const network = body.VpcConfig || {};
  if (Boolean(network.VpcId) !== Boolean(network.SubnetId)) add(at('vpcConfig'), 'has only one of vpcId and subnetId; set both, or leave both empty');
  if (body.PublicNetConfig.PublicNetStatus === 'DISABLE' && !network.VpcId) add(at('publicAccess'), 'is false without a private network, so the function could reach nothing; give vpcConfig or true');
  settings(key, body.Environment ? body.Environment.Variables : [], add);
}

function settings(key, list, add) {
  if (list.length === 0) add(`environments of ${key}`, 'are empty: the function would not find its database; list its settings');
  let size = 0;
  for (const { Key, Value } of list) {
    size += Buffer.byteLength(Key) + Buffer.byteLength(Value);
    if (!/^[A-Za-z][A-Za-z0-9_]{1,63}$/.test(Key)) add(Key, `of ${key} is not 2-64 letters, digits and _ that begin with a letter; rename it`);
    if (reserved.test(Key)) add(Key, `of ${key} begins with a prefix that belongs to the platform; remove it: credentials come from the role`);
  }
  if (size > maxSettings) add(`environments of ${key}`, `are ${size} bytes, and the platform takes ${maxSettings}; remove what is not needed`);
}

function checkTrigger({ trigger, target, body }, functions, add) {
  const name = `${(trigger.parameters || {}).name || trigger.type} trigger`;
  if (!target) return add(`function of the ${name}`, `"${trigger.function}" is none of ${Object.keys(functions).join(', ')}`);
  if (!body) return add(`type of the ${name}`, `"${trigger.type}" is not known to the tool; give timer or http`);
  if (trigger.type === 'apigw') add(`type of the ${name}`, 'is apigw, and API gateway triggers can no longer be made; give http, a function URL');
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,59}$/.test(body.TriggerName || '')) add(`name of the ${name}`, 'is not up to 60 letters, digits, - and _ that begin with a letter');
  if (!(trigger.parameters || {}).qualifier) add(`qualifier of the ${name}`, 'is not given, so a second deployment would not find it; give $DEFAULT');
  if (body.Enable !== 'OPEN') add(`enable of the ${name}`, 'is not true: it would be made closed; give enable: true');
  if (body.Type === 'timer') timer(name, target, body, add);
  if (body.Type === 'http') url(name, body, add);
}

function timer(name, target, body, add) {
  const why = cron.wrong(body.TriggerDesc);
  if (why) add(`cronExpression of the ${name}`, `"${body.TriggerDesc}" ${why}`);
  const everyMinute = /^\S+ \*( |\/1 )/.test(body.TriggerDesc || '');
  const { Timeout } = target.body;
  if (everyMinute && Timeout >= 60) add(`timeout of ${target.key}`, `${Timeout} is not under the timer's minute, so ticks would always overlap; give 55`);
  if (Timeout < 20) add(`timeout of ${target.key}`, `${Timeout} leaves no time for a poll of 10 s and its recording; give 55`);
}

function url(name, body, add) {
  const desc = JSON.parse(body.TriggerDesc);
  if (!desc.NetConfig.EnableExtranet) add(`netConfig of the ${name}`, 'does not open the internet, so the URL could not be reached; give netConfig: {enableExtranet: true}');
  if (desc.AuthType !== 'NONE') add(`authType of the ${name}`, `${desc.AuthType} wants requests signed with cloud keys, which no browser has; give NONE: migwatch has keys of its own`);
  if (desc.CorsConfig) add(`corsConfig of the ${name}`, 'lets pages of other sites call the API; remove it');
}

module.exports = { check };
