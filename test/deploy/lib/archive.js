'use strict';

// What the platform would find in the package.

const fs = require('node:fs');
const AdmZip = require('adm-zip');

const interpreter = 3; // PT_INTERP
const amd64 = 62; // EM_X86_64

// elf tells what kind of program a file is; null if it is none.
function elf(bytes) {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2) return null;
  const start = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  let dynamic = false;
  for (let i = 0; i < count; i++) {
    if (bytes.readUInt32LE(start + i * size) === interpreter) dynamic = true;
  }
  return { machine: bytes.readUInt16LE(18), dynamic };
}

// open lists a zip's files: name -> {executable, elf}.
function open(file) {
  const files = {};
  for (const entry of new AdmZip(file).getEntries()) {
    const mode = (entry.header.attr >>> 16) & 0o777;
    files[entry.entryName] = { mode, program: elf(entry.getData()) };
  }
  return files;
}

// folder lists a folder's files in the same shape, as the deployment tool would pack them.
function folder(path) {
  const files = {};
  for (const name of fs.readdirSync(path)) {
    const mode = fs.statSync(`${path}/${name}`).mode & 0o777;
    files[name] = { mode, program: elf(fs.readFileSync(`${path}/${name}`)) };
  }
  return files;
}

// wrong says why a handler could not be started from these files, '' if it could.
function wrong(files, handler) {
  const found = files[handler];
  if (!found) return `names no file at the package's root, which has ${Object.keys(files).join(', ') || 'nothing'}; run make package`;
  if (!(found.mode & 0o111)) return `is a file without the right to execute (mode 0${found.mode.toString(8)}); run make package, and keep the mode`;
  if (!found.program || found.program.machine !== amd64) return 'is no linux/amd64 binary; run make package';
  if (found.program.dynamic) return 'is linked dynamically, and the platform has an old C library; build with CGO_ENABLED=0 (make package)';
  return '';
}

module.exports = { open, folder, wrong };
