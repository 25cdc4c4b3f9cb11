/** Folders in the names of books. Pure. */

/**
 * Returns all folders with the number of books that are below them, in order of name.
 * @param {string[]} names
 * @returns {{name: string, count: number}[]}
 */
export function foldersOf(names) {
  const counts = new Map();
  for (const name of names) {
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
      const folder = name.slice(0, at);
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
  }
  return [...counts]
      .map(([name, count]) => ({name, count}))
      .sort((a, b) => a.name < b.name ? -1 : 1);
}

/** @param {string} name of a book @param {string} folder "" is the top */
export function inFolder(name, folder) {
  return folder === '' || name.startsWith(`${folder}/`);
}
