'use strict';

// Reads and resolves serverless.yml with the deployment tool's own code, and turns it into the calls
// that the tool would make: CreateFunction and CreateTrigger, word for word.

const fs = require('node:fs');
const path = require('node:path');
const dotenv = require('dotenv');
const { loadInstanceConfigUncached, resolveVariables } = require('@serverless/components/src/cli/utils');
const { formatInputs: formatFunction } = require('tencent-component-toolkit/lib/modules/scf/utils');
const triggers = require('tencent-component-toolkit/lib/modules/triggers').default;

// readEnv reads a .env file as the tool does.
function readEnv(file) {
  return dotenv.parse(fs.readFileSync(file));
}

// withEnv runs work with exactly these variables of ours: the tool reads process.env.
function withEnv(env, work) {
  const saved = process.env;
  process.env = { PATH: saved.PATH, HOME: saved.HOME, ...env };
  try {
    return work();
  } finally {
    process.env = saved;
  }
}

// load gives the instance as the tool would send it to its engine.
function load(folder, env) {
  return withEnv(env, () => resolveVariables(loadInstanceConfigUncached(path.resolve(folder))));
}

// variables takes the component's list of {key, value}, or the older map.
function variables(func) {
  const list = func.environments || func.environment;
  if (Array.isArray(list)) return Object.fromEntries(list.map(({ key, value }) => [key, value]));
  return (list && list.variables) || {};
}

// bodies does what the multi-scf component does between the file and the toolkit: what is common goes
// to each function, names are made where none is given, the code is one upload for all.
function bodies(instance) {
  const { inputs } = instance;
  const common = { namespace: inputs.namespace || 'default', runtime: inputs.runtime, type: inputs.type || 'event' };
  const functions = {};
  for (const [key, func] of Object.entries(inputs.functions || {})) {
    const own = { ...common, ...func };
    own.name = own.name || `${instance.name}-${instance.stage}-${instance.app}-${key}`;
    own.environment = { variables: variables(func) };
    own.vpcConfig = own.vpcConfig || own.vpc;
    own.code = { bucket: 'code', object: 'migwatch.zip' };
    functions[key] = { key, own, body: formatFunction(own) };
  }
  const calls = (inputs.triggers || []).map((trigger) => {
    const target = functions[trigger.function];
    const Trigger = triggers[trigger.type];
    if (!target || !Trigger) return { trigger, target, body: null };
    const { triggerInputs } = new Trigger({ region: inputs.region }).formatInputs({
      region: inputs.region,
      inputs: { ...trigger, namespace: common.namespace, functionName: target.own.name },
    });
    return { trigger, target, body: triggerInputs };
  });
  return { functions, calls };
}

module.exports = { readEnv, load, bodies };
