/** Collects the tests of the pure modules. A test is a name and a function that throws. */

/** @type {{name: string, error: string}[]} */
const results = [];

/** @param {string} name @param {() => void|Promise<void>} body */
export async function test(name, body) {
  let error = '';
  try {
    await body();
  } catch (thrown) {
    error = String(thrown?.stack ?? thrown);
  }
  results.push({name, error});
}

/** Compares by value. @param {any} actual @param {any} expected */
export function same(actual, expected, what = '') {
  const a = show(actual), b = show(expected);
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

function show(value) {
  return JSON.stringify(
      value,
      (_, part) => part instanceof Map || part instanceof Set ? [...part] :
          Number.isNaN(part)                                  ? 'NaN' :
          part === undefined                                  ? 'undefined' :
                                                                part);
}

/** Shows the results to the program that opened the page. */
export function finish() {
  globalThis.testResults = results;
}
