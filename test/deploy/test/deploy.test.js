'use strict';

// The other ways to deploy: Terraform, a container.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { parse } = require('@cdktf/hcl2json');
const { DockerfileParser } = require('dockerfile-ast');
const { check } = require('../lib/rules');
const { root, env, good } = require('./rig');

// arguments_ are those in the provider's documentation of each resource.
const arguments_ = {
  tencentcloud_cam_role: 'name document description console_login session_duration tags',
  tencentcloud_cam_policy: 'name document description',
  tencentcloud_cam_role_policy_attachment: 'role_id policy_id',
  tencentcloud_cos_bucket_object: 'bucket key acl cache_control content_disposition content_encoding content_type content etag source storage_class tags',
  tencentcloud_scf_function:
    'name async_run_enable cfs_config cls_logset_id cls_topic_id cos_bucket_name cos_bucket_region cos_object_name description dns_cache enable_eip_config enable_public_net environment func_type handler image_config intranet_config l5_enable layers mem_size namespace role runtime subnet_id tags timeout triggers vpc_id zip_file',
  tencentcloud_scf_namespace: 'namespace count description',
  tencentcloud_scf_trigger: 'function_name trigger_name type custom_argument description enable namespace qualifier trigger_desc',
};

async function terraform() {
  const folder = path.join(root, 'deploy', 'terraform');
  const all = { resource: {}, variable: {}, output: {} };
  for (const name of fs.readdirSync(folder).filter((n) => n.endsWith('.tf'))) {
    const file = await parse(name, fs.readFileSync(path.join(folder, name), 'utf8'));
    for (const kind of Object.keys(all)) {
      for (const [type, value] of Object.entries(file[kind] || {})) all[kind][type] = { ...all[kind][type], ...(kind === 'resource' ? value : { it: value }) };
    }
    all[name] = file;
  }
  return all;
}

test('Terraform: syntax, arguments and references', async () => {
  const all = await terraform();
  for (const [type, resources] of Object.entries(all.resource)) {
    for (const [name, [body]] of Object.entries(resources)) {
      for (const key of Object.keys(body).filter((k) => k !== 'depends_on')) {
        assert.ok(arguments_[type] && arguments_[type].split(' ').includes(key), `${type}.${name} has ${key}, which the provider does not document`);
      }
    }
  }
  const text = JSON.stringify(all);
  for (const [, type, name] of text.matchAll(/\b(tencentcloud_[a-z_]+)\.([a-z_]+)\b/g)) assert.ok(all.resource[type] && all.resource[type][name], `${type}.${name} is not declared`);
  for (const [, name] of text.matchAll(/\bvar\.([a-z_]+)/g)) assert.ok(all.variable[name], `var.${name} is not declared`);
  for (const [name, { it: [body] }] of Object.entries(all.variable)) {
    assert.ok(text.includes(`var.${name}`), `var.${name} is not used`);
    assert.equal(body.sensitive === true, /url|keys|settings/.test(name), `${name} is sensitive or not`);
  }
  await assert.rejects(parse('broken.tf', 'resource "x" {'));
});

test('Terraform makes the namespace that it puts everything into', async () => {
  const { resource } = await terraform();
  assert.match(resource.tencentcloud_scf_namespace.own[0].count, /var\.namespace == "default" \? 0 : 1/);
  for (const type of ['tencentcloud_scf_function', 'tencentcloud_scf_trigger']) {
    for (const [name, [body]] of Object.entries(resource[type])) assert.equal(body.namespace, '${local.namespace}', `${type}.${name}`);
  }
});

test('Terraform makes what serverless.yml makes', async () => {
  const { resource } = await terraform();
  const { functions, calls } = check({ folder: root, env: env(), files: good() });
  for (const [key, { body }] of Object.entries(functions)) {
    const [tf] = resource.tencentcloud_scf_function[key];
    assert.deepEqual(
      { name: tf.name, runtime: tf.runtime, handler: tf.handler, memory: tf.mem_size, timeout: tf.timeout, fixed: tf.enable_eip_config === true, role: tf.role !== undefined },
      { name: body.FunctionName, runtime: body.Runtime, handler: body.Handler, memory: body.MemorySize, timeout: body.Timeout, fixed: body.PublicNetConfig.EipConfig.EipStatus === 'ENABLE', role: body.Role !== undefined },
    );
  }
  const [[timer], [url]] = [resource.tencentcloud_scf_trigger.timer, resource.tencentcloud_scf_trigger.url];
  assert.ok(timer.trigger_desc.includes(calls[0].body.TriggerDesc), timer.trigger_desc);
  for (const word of ['AuthType  = "NONE"', 'EnableExtranet = true', 'EnableIntranet = true']) assert.ok(url.trigger_desc.includes(word), word);
  for (const [tf, { body }] of [[timer, calls[0]], [url, calls[1]]]) {
    assert.deepEqual([tf.trigger_name, tf.type, tf.qualifier, tf.enable], [body.TriggerName, body.Type, body.Qualifier, body.Enable]);
  }
});

test('the container: parses, ends small, unprivileged, and serves', () => {
  const docker = DockerfileParser.parse(fs.readFileSync(path.join(root, 'deploy', 'Dockerfile'), 'utf8'));
  const known = ['FROM', 'ARG', 'LABEL', 'WORKDIR', 'COPY', 'RUN', 'USER', 'VOLUME', 'ENV', 'EXPOSE', 'ENTRYPOINT', 'CMD'];
  const all = docker.getInstructions();
  for (const i of all) assert.ok(known.includes(i.getKeyword()), i.getKeyword());
  const last = all.slice(all.findLastIndex((i) => i.getKeyword() === 'FROM'));
  const text = (keyword) => last.find((i) => i.getKeyword() === keyword).getArgumentsContent();
  assert.equal(text('FROM'), 'scratch');
  assert.match(text('USER'), /^[1-9]\d*:[1-9]\d*$/);
  assert.deepEqual(JSON.parse(text('ENTRYPOINT')), ['/migwatch']);
  assert.deepEqual(JSON.parse(text('CMD')).slice(0, 3), ['serve', '--listen', ':8080']);
  assert.ok(!last.some((i) => i.getKeyword() === 'RUN'), 'nothing can run in scratch');
});
