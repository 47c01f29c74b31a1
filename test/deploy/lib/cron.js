'use strict';

// The platform's cron expression: seven fields, each a list of values, ranges and steps.

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const fields = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: months },
  { name: 'weekday', min: 0, max: 6, names: days },
  { name: 'year', min: 1970, max: 2099 },
];

function number(text, field) {
  const i = field.names ? field.names.indexOf(text.toUpperCase()) : -1;
  if (i >= 0) return i + field.min;
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

function validPart(part, field) {
  if (part === '?') return field.name === 'day' || field.name === 'weekday';
  const [range, step, ...more] = part.split('/');
  if (more.length > 0 || (step !== undefined && !(number(step, {}) > 0))) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((text) => number(text, field));
  const inside = ends.every((n) => n >= field.min && n <= field.max);
  return inside && ends.length <= 2 && (ends.length === 1 || ends[0] <= ends[1]);
}

// wrong says what is wrong with an expression, '' if nothing is.
function wrong(expression) {
  const parts = String(expression).trim().split(/\s+/);
  if (parts.length !== fields.length) {
    return `has ${parts.length} fields, and the platform wants 7: second minute hour day month weekday year, such as "0 * * * * * *"`;
  }
  const bad = fields.findIndex((field, i) => !parts[i].split(',').every((part) => validPart(part, field)));
  if (bad < 0) return '';
  const { name, min, max } = fields[bad];
  return `has "${parts[bad]}" for the ${name}; give ${min}-${max}, *, a list or a step such as */5`;
}

module.exports = { wrong };
