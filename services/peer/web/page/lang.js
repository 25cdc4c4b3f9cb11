/** The words of the page. A language is a file like lang/en.js with the same names. */
import en from './lang/en.js';

export const t = en;
