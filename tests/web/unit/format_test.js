import {formatBytes, formatRate, formatTimeLeft, percent} from '/format.js';
import {bookAddress, formatRoute, openCode, parseRoute} from '/route.js';
import {parseBytes} from '/store/limits.js';

import {same, test} from './check.js';

export async function run() {
  await test('bytes look as arkshare-cli prints them', () => {
    for (const [bytes, text] of [
             [0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [1536, '1.5 KiB'],
             [1048524, '1023.9 KiB'], [1048525, '1.0 MiB'], [20 * 2 ** 20, '20.0 MiB'],
             ['18446744073709551615', '16.0 EiB']]) {
      same(formatBytes(bytes), text);
    }
    same(formatRate(0), '');
    same(formatRate(1024), '1.0 KiB/s');
  });
  await test('times are rounded up', () => {
    for (const [seconds, text] of [
             [0, '0:00'], [6.1, '0:07'], [760, '12:40'], [3603, '1:00:03'], [NaN, ''], [-1, '']]) {
      same(formatTimeLeft(seconds), text);
    }
  });
  await test('rates are read as a person types them', () => {
    for (const [text, bytes] of [
             ['0', 0], ['20MiB/s', 20971520], [' 1.5 k ', 1536], ['100kB', 100000],
             ['2MB/s', 2000000], ['1 GiB', 2 ** 30], ['fast', null], ['', null], ['-1', null],
             ['1 XB', null]]) {
      same(parseBytes(text), bytes, text);
    }
  });
  await test('a hundred percent is only the whole', () => {
    same(
        [percent(0, 10), percent(999999, 1000000), percent(10, 10), percent(0, 0)],
        [0, 99, 100, 100]);
  });
  await test('an address is a view with its query', () => {
    same(parseRoute('#/search?q=a%20b'), {view: 'search', id: '', query: {q: 'a b'}});
    same(parseRoute('#/peer/3'), {view: 'peer', id: '3', query: {}});
    same(parseRoute('#/constructor'), {view: 'search', id: '', query: {}});
    same(parseRoute(''), {view: 'search', id: '', query: {}});
    same(formatRoute('search', {q: 'a&b', sort: ''}), '#/search?q=a%26b');
    same(formatRoute('peer', {}, 3), '#/peer/3');
    same(openCode('#/open=Ab-_9'), 'Ab-_9');
    same(openCode('#/open='), '');
    same(openCode('#/search?q=open=x'), '');
  });
  await test('books have another origin than the page, where the machine has two names', () => {
    for (const [page, path, book] of [
             ['http://127.0.0.1:8470/', '/content/T/a%20b', 'http://localhost:8470/content/T/a%20b'],
             ['http://[::1]:8470/', '/content/T/a', 'http://localhost:8470/content/T/a'],
             ['https://books.example/', '/content/T/a', 'https://books.example/content/T/a'],
             ['http://127.0.0.2:8470/', '/content/T/a', 'http://127.0.0.2:8470/content/T/a']]) {
      same(bookAddress(path, new URL(page), false), book);
      same(bookAddress(path, new URL(page), true), `${book}?save`);
    }
    same(bookAddress('http://other.example/x', new URL('http://127.0.0.1:1/'), false),
         'http://localhost:1/x');
  });
}
