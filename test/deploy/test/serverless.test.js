'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const archive = require('../lib/archive');
const { check } = require('../lib/rules');
const { root, env, folder, good } = require('./rig');

const zip = process.env.MIGWATCH_PACKAGE || path.join(root, 'build', 'migwatch.zip');
const built = path.join(path.dirname(zip), 'function');

test('our own file makes the calls that are meant', () => {
  const { problems, functions, calls } = check({ folder: root, env: env(), files: good() });
  assert.deepEqual(problems, []);
  const { poll, query } = functions;
  const common = { Type: 'Event', DeployMode: 'code', Runtime: 'Go1', Namespace: 'default', MemorySize: 128, VpcConfig: {}, ClsLogsetId: '', ClsTopicId: '' };
  for (const [body, own] of [
    [poll.body, { FunctionName: 'migwatch-poll', Handler: 'poll', Timeout: 55, Role: 'migwatch-poll' }],
    [query.body, { FunctionName: 'migwatch-query', Handler: 'query', Timeout: 10, Role: undefined }],
  ]) {
    for (const [name, value] of Object.entries({ ...common, ...own })) assert.deepEqual(body[name], value, name);
    assert.equal(body.PublicNetConfig.PublicNetStatus, 'ENABLE');
  }
  assert.equal(poll.body.PublicNetConfig.EipConfig.EipStatus, 'ENABLE');
  assert.deepEqual(calls.map((c) => c.body), [
    { Action: 'CreateTrigger', FunctionName: 'migwatch-poll', Namespace: 'default', Type: 'timer', Qualifier: '$DEFAULT', TriggerName: 'every-minute', TriggerDesc: '0 * * * * * *', Enable: 'OPEN', CustomArgument: 'tick' },
    { Action: 'CreateTrigger', FunctionName: 'migwatch-query', Namespace: 'default', Type: 'http', Qualifier: '$DEFAULT', TriggerName: 'url', TriggerDesc: '{"AuthType":"NONE","NetConfig":{"EnableIntranet":true,"EnableExtranet":true}}', Enable: 'OPEN' },
  ]);
});

test('values arrive whole, whatever is in them', () => {
  const odd = 'mysql://mig:a%24%26$1$$\'"#{}=@10.0.0.5:3306/db?x=1&y=2';
  const { problems, functions } = check({ folder: root, env: env({ MIGWATCH_DATABASE_URL: odd }), files: good() });
  assert.deepEqual(problems, []);
  for (const { body } of Object.values(functions)) {
    assert.equal(body.Environment.Variables.find((v) => v.Key === 'MIGWATCH_DATABASE_URL').Value, odd);
  }
});

test('network, role and log are taken when given', () => {
  const given = env({ DEPLOY_VPC_ID: 'vpc-1', DEPLOY_SUBNET_ID: 'subnet-1', DEPLOY_CLS_LOGSET_ID: 's', DEPLOY_CLS_TOPIC_ID: 't', DEPLOY_ROLE: '' });
  const { problems, functions } = check({ folder: root, env: given, files: good() });
  assert.deepEqual(problems, []);
  for (const { body } of Object.values(functions)) {
    assert.deepEqual(body.VpcConfig, { VpcId: 'vpc-1', SubnetId: 'subnet-1' });
    assert.equal(body.ClsLogsetId, 's');
    assert.equal(body.ClsTopicId, 't');
    assert.equal(body.Role, undefined);
  }
});

test('the query function is given no way to an API', () => {
  const { functions } = check({ folder: root, env: env(), files: good() });
  const names = functions.query.body.Environment.Variables.map((v) => v.Key);
  for (const name of ['MIGWATCH_WECHAT_APPSECRET', 'MIGWATCH_WECHAT_ACCESS_TOKEN', 'MIGWATCH_WECHAT_TOKEN_URL']) assert.ok(!names.includes(name), name);
  assert.ok(!names.some((name) => name.startsWith('TENCENTCLOUD_')));
  assert.equal(functions.query.body.Role, undefined);
});

test('.env.example has every variable of the file, and no other', () => {
  const text = fs.readFileSync(path.join(root, 'serverless.yml'), 'utf8').replace(/(^|\s)#.*$/gm, '');
  const used = new Set([...text.matchAll(/\$\{env:([A-Za-z0-9_]+)\}/g)].map((m) => m[1]));
  assert.deepEqual(Object.keys(env()).sort(), [...used].sort());
  const lines = fs.readFileSync(path.join(root, '.env.example'), 'utf8').split('\n');
  const uncommented = lines.filter((line, i) => /^[A-Z]/.test(line) && !/^(#|[A-Z])/.test(lines[i - 1] || ''));
  assert.deepEqual(uncommented, [], 'a comment explains each variable or the group it begins');
});

// A web function is the same file with these lines changed; docs/deploy.md says so.
test('the query function may be a web function', (t) => {
  const changed = folder(t, '      handler: query\n', '      type: web\n      handler: scf_bootstrap\n');
  const { problems, functions } = check({ folder: changed, env: env(), files: good() });
  assert.deepEqual(problems, []);
  assert.equal(functions.query.body.Type, 'HTTP');
  assert.equal(functions.query.body.Handler, undefined);
  assert.equal(functions.poll.body.Type, 'Event');
});

test('the built package holds what the file names', { skip: fs.existsSync(zip) ? false : 'run make package' }, () => {
  const files = archive.open(zip);
  assert.deepEqual(check({ folder: root, env: env(), files }).problems, []);
  assert.deepEqual(Object.keys(files), ['poll', 'query', 'scf_bootstrap']);
  for (const [name, { mode }] of Object.entries(files)) assert.equal(mode, 0o755, name);
  assert.deepEqual(archive.folder(built), files, 'the folder that is deployed and the zip are the same');
});
