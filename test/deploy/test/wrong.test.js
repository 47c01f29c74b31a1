'use strict';

// Each kind of wrong deployment gives one sentence that begins with the setting and says what to do.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { check } = require('../lib/rules');
const cron = require('../lib/cron');
const { env, folder, good } = require('./rig');

const netConfig = `        netConfig: # without it nobody could reach the URL
          enableExtranet: true
          enableIntranet: true
`;
const cases = {
  'an unset variable': [null, { env: { MIGWATCH_DTS_URL: undefined } }, /^MIGWATCH_DTS_URL: is not set;.*add the line MIGWATCH_DTS_URL= to \.env$/],
  'a variable in a value': [null, { env: { MIGWATCH_DTS_URL: 'https://${HOST}' } }, /^MIGWATCH_DTS_URL: has \$\{ in it/],
  'a variable that cannot be read': [['${env:DEPLOY_REGION}', '${env:DEPLOY REGION}'], {}, /^inputs\.region: holds an unresolved \$\{env/],
  'five fields of cron': [['"0 * * * * * *"', '"* * * * *"'], {}, /^cronExpression of the every-minute trigger: .* has 5 fields.*wants 7/],
  'a minute of 60': [['"0 * * * * * *"', '"0 60 * * * * *"'], {}, /^cronExpression of the every-minute trigger: .* "60" for the minute; give 0-59/],
  'a closed timer': [['        enable: true # without it the timer is made, closed\n', ''], {}, /^enable of the every-minute trigger: is not true.*give enable: true/],
  'a reserved prefix': [['key: MIGWATCH_DTS_RATE,', 'key: TENCENTCLOUD_SECRETID,'], {}, /^TENCENTCLOUD_SECRETID: of poll begins with a prefix.*credentials come from the role/],
  'a name with a dash': [['key: MIGWATCH_DTS_RATE,', 'key: MIGWATCH-DTS-RATE,'], {}, /^MIGWATCH-DTS-RATE: of poll is not 2-64.*rename it/],
  'a name that is too long': [['key: MIGWATCH_DTS_RATE,', `key: ${'M'.repeat(65)},`], {}, /^M{65}: of poll is not 2-64/],
  'no network for the URL': [[netConfig, ''], {}, /^netConfig of the url trigger: does not open the internet.*enableExtranet: true/],
  'a URL that wants cloud keys': [['authType: NONE', 'authType: CAM'], {}, /^authType of the url trigger: CAM.*give NONE/],
  'calls from other sites': [['        authType: NONE\n', '        authType: NONE\n        corsConfig: {enable: true, origins: ["*"]}\n'], {}, /^corsConfig of the url trigger: .*remove it/],
  'a trigger nobody finds again': [['        qualifier: $DEFAULT # without', '        # without'], {}, /^qualifier of the url trigger: .*give \$DEFAULT/],
  'an API gateway': [['- type: http\n', '- type: apigw\n'], {}, /^type of the url trigger: is apigw.*give http/],
  'a trigger of nobody': [['      function: query\n', '      function: qurey\n'], {}, /^function of the url trigger: "qurey" is none of poll, query/],
  'a timeout that is too short': [['timeout: 55 #', 'timeout: 3 #'], {}, /^timeout of poll: 3 leaves no time.*give 55/],
  'a timeout over the minute': [['timeout: 55 #', 'timeout: 60 #'], {}, /^timeout of poll: 60 is not under the timer's minute.*give 55/],
  'a timeout the platform has not': [['timeout: 55 #', 'timeout: 901 #'], {}, /^timeout of poll: 901 is not 1 to 900/],
  'no timeout': [['      timeout: 10\n', ''], {}, /^timeout of query: is not given, and the default of 3 seconds/],
  'an odd memory': [['memorySize: 128', 'memorySize: 200'], {}, /^memorySize of poll: 200.*steps of 128/],
  'another runtime': [['runtime: Go1', 'runtime: Nodejs16.13'], {}, /^runtime of poll: is Nodejs16\.13; give Go1/],
  'a name that ends in a dash': [['name: migwatch-poll', 'name: migwatch-'], {}, /^name of poll: "migwatch-" is not 2-60/],
  'a handler as in other languages': [['handler: poll', 'handler: main.handler'], {}, /^handler of poll: "main\.handler" names no file.*make package/],
  'a lost right to execute': [null, { files: (f) => { f.query.mode = 0o644; } }, /^handler of query: "query" is a file without the right to execute/],
  'a binary of another machine': [null, { files: (f) => { f.query.program.machine = 183; } }, /^handler of query: "query" is no linux\/amd64 binary/],
  'a dynamic binary': [null, { files: (f) => { f.poll.program.dynamic = true; } }, /^handler of poll: "poll" is linked dynamically.*CGO_ENABLED=0/],
  'half a network': [null, { env: { DEPLOY_VPC_ID: 'vpc-1' } }, /^vpcConfig of poll: has only one/],
  'no network at all': [['publicAccess: true # both', 'publicAccess: false # both'], {}, /^publicAccess of poll: is false without a private network/],
  'too many settings': [null, { env: { MIGWATCH_READ_KEYS: 'k'.repeat(4096) } }, /^environments of query: are \d+ bytes.*4096/],
  'a secret in the file': [['"${env:MIGWATCH_ADMIN_KEYS}"', '"an-admin-key-0123456789"'], {}, /^MIGWATCH_ADMIN_KEYS: of query is written into serverless\.yml/],
  'a secret beside a variable': [['value: "${env:MIGWATCH_DATABASE_URL}"', 'value: "mysql://${env:DEPLOY_ROLE}@h/db"'], {}, /^MIGWATCH_DATABASE_URL: of poll mixes text with a variable/],
  'another component': [['component: multi-scf', 'component: scf'], {}, /^component: is scf; multi-scf holds two/],
};

for (const [name, [change, more, sentence]] of Object.entries(cases)) {
  test(name, (t) => {
    const files = good();
    if (more.files) more.files(files);
    const { problems } = check({ folder: folder(t, ...(change || [])), env: env(more.env), files });
    assert.ok(problems.some((p) => sentence.test(p)), `nothing says ${sentence}: ${JSON.stringify(problems, null, 2)}`);
    for (const p of problems) assert.ok(!p.includes('\n') && !p.includes('an-admin-key'), p);
  });
}

test('a file that is not YAML is said to be so', (t) => {
  const broken = folder(t, 'inputs:\n', 'inputs: [\n');
  assert.throws(() => check({ folder: broken, env: env(), files: good() }), /serverless\.yml file has incorrect format/);
});

test('cron expressions', () => {
  for (const right of ['0 * * * * * *', '*/5 * * * * * *', '0 0 2 1 * * *', '0 15 10 * * MON-FRI *', '0 0 0 ? * 1,3 2026-2030']) assert.equal(cron.wrong(right), '', right);
  for (const wrong of ['', '0 * * * * *', '0 * * * * * * *', '60 * * * * * *', '0 * 24 * * * *', '0 * * 0 * * *', '0 * * * 13 * *', '0 * * * * 7 *', '0 * * * * * 1969', '0 */0 * * * * *', '0 5-1 * * * * *', '0 a * * * * *', '0 ? * * * * *', '0 1/2/3 * * * * *']) {
    assert.notEqual(cron.wrong(wrong), '', wrong);
  }
});
