/** The script of the HTML report: filters tasks and log lines, and shows more of them. What it shows it sets as text, never as markup. */

export const SCRIPT = `
'use strict';
for (const section of document.querySelectorAll('section[data-id]')) {
  const data = JSON.parse(document.getElementById('data-' + section.dataset.id).textContent);
  const lower = new Map();
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const taskRow = ([id, status, source, destination, bytes, attempts, took, message, hint]) => {
    const row = make('tr');
    const first = make('td');
    first.append(make('span', 'pill ' + status, status.replaceAll('_', ' ')));
    const names = make('td', 'names');
    if (source) names.append(source + ' ', make('i', '', '→ '));
    names.append(destination);
    if (message) names.append(make('div', 'why', message));
    if (hint) names.append(make('div', 'hint', hint));
    row.append(first, names);
    for (const [label, text] of [['copied', bytes], ['attempts', attempts], ['took', took], ['task', id]]) {
      const cell = make('td', 'n', text);
      cell.dataset.label = label;
      row.append(cell);
    }
    return row;
  };
  const logRow = ([time, level, task, text]) => {
    const line = make('div', 'line ' + level);
    line.append(make('span', '', time + '  '), make('b', '', level.padEnd(7)), task ? '  [' + task + '] ' : '  ', text);
    return line;
  };
  const list = (name, all, selected, makeRow) => {
    const part = section.querySelector('[data-list=' + name + ']');
    if (!part) return;
    const [input, select] = [part.querySelector('input'), part.querySelector('select')];
    const [body, count, more] = ['rows', 'count', 'more'].map((one) => part.querySelector('[data-' + one + ']'));
    const page = Number(part.dataset.page);
    let found = all;
    let shown = Math.min(page, all.length);
    const textOf = (row) => {
      let text = lower.get(row);
      if (text === undefined) lower.set(row, (text = row.join(' ').toLowerCase()));
      return text;
    };
    const tell = () => {
      const of = found.length.toLocaleString('en');
      count.textContent = (shown < found.length ? shown.toLocaleString('en') + ' of ' + of : of) + ' shown' +
        (found.length < all.length ? ', ' + all.length.toLocaleString('en') + ' in all' : '');
      more.hidden = shown >= found.length;
    };
    const add = (until) => {
      const rows = document.createDocumentFragment();
      for (const row of found.slice(shown, until)) rows.append(makeRow(row));
      body.append(rows);
      shown = Math.min(until, found.length);
      tell();
    };
    const filter = () => {
      const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
      found = all.filter((row) => selected(row, select.value) && words.every((word) => textOf(row).includes(word)));
      body.replaceChildren();
      shown = 0;
      add(page);
    };
    let waiting;
    input.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 120);
    });
    select.addEventListener('change', filter);
    more.addEventListener('click', () => add(shown + page));
    for (const hidden of part.querySelectorAll('.controls')) hidden.hidden = false;
    // A browser may bring back what was typed before the page was loaded again.
    if (input.value || select.value) filter();
    else tell();
  };
  const levels = ['info', 'warning', 'error'];
  list('tasks', data.tasks, (row, status) => !status || row[1] === status, taskRow);
  list('logs', data.logs, (row, level) => levels.indexOf(row[1]) >= levels.indexOf(level || 'info'), logRow);
}
`
