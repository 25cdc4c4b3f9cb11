/** Which of the files that a person drops can be shared. Pure. */

/**
 * Returns why a name cannot be shared; "" when it can. The rules are those of Listing.name, as far
 * as a person meets them; the peer checks all of them.
 * @param {string} name
 */
export function nameTrouble(name) {
  const bytes = (text) => new TextEncoder().encode(text).length;
  if (name === '' || bytes(name) > 1024) return 'length';
  for (const part of name.split('/')) {
    if (part === '' || bytes(part) > 255) return 'length';
    if (part.startsWith('.')) return 'dot';
  }
  return /[\\\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/u.test(name) ?
      'character' :
      '';
}

/**
 * @param {{name: string, size: number}[]} files
 * @param {Set<string>} names those of the library
 * @param {number} free bytes on the disk; -1 when it is not known
 * @returns {{files: any[], bytes: number, taken: number, invalid: number, missing: number}}
 */
export function planFiles(files, names, free) {
  const plan = {files: [], bytes: 0, taken: 0, invalid: 0, missing: 0};
  for (const file of files) {
    const name = file.name.normalize('NFC');
    if (nameTrouble(name) !== '')
      ++plan.invalid;
    else if (names.has(name))
      ++plan.taken;
    else {
      plan.files.push({...file, name});
      plan.bytes += file.size;
    }
  }
  if (free >= 0 && plan.bytes > free) plan.missing = plan.bytes - free;
  return plan;
}
