/** Runs all tests of the modules, one file after the other. */
import {finish} from './check.js';

for (const name
         of ['convert', 'format', 'list', 'order', 'plan', 'rpc', 'search', 'source', 'words',
             'world']) {
  const module = await import(`./${name}_test.js`);
  await module.run();
}
finish();
