/** The page of an index: who is there, what moves, and a search. It changes nothing. */
import {App} from './app.js';
import {el} from './dom.js';
import {Rpc} from './rpc.js';

class OverviewApp extends App {
  constructor(root) {
    super(root, ['group', 'search']);
    this.rpc = new Rpc({token: () => '', signedOut: () => {}});
    this.readOnly = true;
  }
}

const app = new OverviewApp(document.getElementById('app'));
if (location.hash === '') history.replaceState(null, '', '#/group');
app.show().catch((error) => {
  app.root.replaceChildren(el('p.error', {role: 'alert'}, String(error)));
});
