'use strict';
// Draws the timelines. All that comes from a server is set as text, never as markup.
(() => {
  const make = (tag, className, text) => {
    const el = document.createElement(tag);
    if (className) el.className = className;
    if (text !== undefined) el.textContent = text;
    return el;
  };
  const duration = s => s >= 100 ? s.toFixed(0) + ' s' : s >= 1 ? s.toFixed(2) + ' s' : s >= 0.01 ? (s * 1000).toFixed(0) + ' ms' : (s * 1000).toFixed(1) + ' ms';
  const bytes = n => n >= 1e6 ? (n / 1e6).toFixed(1) + ' MB' : n >= 1e3 ? (n / 1e3).toFixed(1) + ' kB' : n + ' bytes';
  const path = url => {
    const at = url.indexOf('://');
    const slash = at < 0 ? -1 : url.indexOf('/', at + 3);
    return slash < 0 ? url : url.slice(slash);
  };
  const phases = [['b', 'blocked'], ['n', 'name'], ['t', 'connection'], ['s', 'TLS'], ['w', 'waiting for the answer'], ['r', 'receiving']];

  class Timeline {
    constructor(root) {
      this.root = root;
      this.index = root.dataset.target;
      this.data = JSON.parse(document.getElementById('data-' + this.index).textContent);
      this.rows = this.data.rows;
      for (const row of this.rows) {
        row.text = [row.c, row.k, row.m, row.u, row.st, row.x, this.data.steps[row.s]].join(' ').toLowerCase();
      }
      this.active = -1;
      this.from = 0;
      this.to = Math.max(this.data.end, 0.001);
      this.build();
      this.filter();
    }

    build() {
      this.root.append(this.tools(), this.legend());
      this.view = make('div', 'view');
      this.view.tabIndex = 0;
      this.view.setAttribute('role', 'listbox');
      this.view.setAttribute('aria-label', 'Exchanges of ' + this.root.dataset.name + '. Arrow keys move, Enter opens, plus and minus zoom, left and right pan, 0 shows all.');
      this.ruler = make('div', 'row ruler');
      this.ruler.setAttribute('aria-hidden', 'true');
      for (const name of ['c', 'm', 'st', 'u', 'd', 'bar']) this.ruler.append(make('span', name));
      this.space = make('div', 'space');
      this.space.setAttribute('role', 'presentation');
      this.view.append(this.ruler, this.space);
      this.detail = make('section', 'detail');
      this.detail.hidden = true;
      this.detail.tabIndex = -1;
      this.root.append(this.view, this.detail);
      this.view.addEventListener('scroll', () => this.later());
      this.view.addEventListener('keydown', e => this.key(e));
      this.view.addEventListener('click', e => this.click(e));
      this.view.addEventListener('wheel', e => this.wheel(e), {passive: false});
      this.detail.addEventListener('keydown', e => { if (e.key === 'Escape') this.close(); });
      this.drag();
      new ResizeObserver(() => this.later()).observe(this.view);
    }

    tools() {
      const tools = make('div', 'tools');
      tools.setAttribute('role', 'group');
      tools.setAttribute('aria-label', 'What the timeline shows');
      this.search = make('input');
      this.search.type = 'search';
      this.search.placeholder = 'Filter: path, status, step …';
      this.search.setAttribute('aria-label', 'Filter by path, status, step or trouble');
      this.search.addEventListener('input', () => this.filter());
      tools.append(this.search);
      this.checks = {};
      for (const [name, label] of [['raw', 'raw'], ['browser', 'browser'], ['probe', 'probes']]) {
        if (this.rows.some(r => r.c === name)) tools.append(this.check(name, label, true));
      }
      tools.append(this.check('bad', 'only trouble', false));
      this.kind = this.choice('Kind', ['all kinds', 'http', 'stream', 'websocket', 'connect', 'mark']);
      this.step = this.choice('Step', ['all steps', ...this.data.steps]);
      tools.append(this.kind, this.step);
      for (const [text, label, act] of [['−', 'Zoom out', () => this.zoom(2)], ['+', 'Zoom in', () => this.zoom(0.5)], ['all', 'Show all of the time', () => this.whole()]]) {
        const button = make('button', '', text);
        button.type = 'button';
        button.setAttribute('aria-label', label);
        button.addEventListener('click', act);
        tools.append(button);
      }
      this.count = make('span', 'count');
      this.count.setAttribute('role', 'status');
      tools.append(this.count);
      return tools;
    }

    check(name, label, on) {
      const box = make('input');
      box.type = 'checkbox';
      box.checked = on;
      box.addEventListener('change', () => this.filter());
      this.checks[name] = box;
      const wrap = make('label', '');
      wrap.append(box, label);
      return wrap;
    }

    choice(label, options) {
      const select = make('select');
      select.setAttribute('aria-label', label);
      options.forEach((text, i) => {
        const option = make('option', '', text);
        option.value = i === 0 ? '' : text;
        select.append(option);
      });
      select.addEventListener('change', () => this.filter());
      return select;
    }

    legend() {
      const legend = make('div', 'legend bar');
      legend.setAttribute('aria-hidden', 'true');
      for (const [cls, name] of phases) {
        const part = make('span');
        const mark = make('i', cls);
        mark.style.position = 'static';
        part.append(mark, name);
        legend.append(part);
      }
      legend.append(make('span', '', '| events and frames'), make('span', '', 'drag on the ruler, or Ctrl and wheel: zoom'));
      return legend;
    }

    // filter decides which rows are shown: what matches, and what lies within the time that is shown.
    filter() {
      const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const was = this.shown && this.shown[this.active];
      this.shown = this.rows.filter(r => {
        const box = this.checks[r.c];
        return (!box || box.checked) && (!this.checks.bad.checked || r.x || r.f) && (!this.kind.value || r.k === this.kind.value) &&
          (!this.step.value || this.data.steps[r.s] === this.step.value) && r.e >= this.from && r.b <= this.to && words.every(w => r.text.includes(w));
      });
      this.active = was ? this.shown.indexOf(was) : -1;
      this.count.textContent = this.shown.length + ' of ' + this.rows.length;
      this.draw();
    }

    later() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    }

    // draw shows the rows that can be seen, and the active one.
    draw() {
      this.waiting = 0;
      const height = parseFloat(getComputedStyle(this.view).getPropertyValue('--row')) || 28;
      this.height = height;
      this.space.style.height = this.shown.length * height + 'px';
      const first = Math.max(0, Math.floor(this.view.scrollTop / height) - 4);
      const last = Math.min(this.shown.length, first + Math.ceil(this.view.clientHeight / height) + 8);
      const parts = [];
      for (let i = first; i < last; i++) parts.push(this.row(i));
      if (this.active >= 0 && (this.active < first || this.active >= last)) parts.push(this.row(this.active));
      if (!this.shown.length) parts.push(make('p', 'empty', 'Nothing matches.'));
      this.space.replaceChildren(...parts);
      if (this.active >= 0) this.view.setAttribute('aria-activedescendant', this.id(this.active));
      else this.view.removeAttribute('aria-activedescendant');
      this.rule();
    }

    id(i) { return 'row-' + this.index + '-' + this.rows.indexOf(this.shown[i]); }

    row(i) {
      const r = this.shown[i];
      const el = make('div', ['row', r.c, r.k === 'mark' ? 'mark' : '', r.x ? 'bad' : '', r.f ? 'proof' : '', i === this.active ? 'on' : ''].join(' '));
      el.id = this.id(i);
      el.dataset.i = i;
      el.style.top = i * this.height + 'px';
      el.setAttribute('role', 'option');
      el.setAttribute('aria-selected', String(i === this.active));
      el.setAttribute('aria-setsize', this.shown.length);
      el.setAttribute('aria-posinset', i + 1);
      const kind = r.k === 'mark' ? 'note' : r.k === 'websocket' ? 'socket' : r.k === 'stream' ? 'stream' : r.m;
      const state = r.k === 'mark' ? '' : r.st || (r.x ? '✗' : r.o ? '…' : '–');
      const url = make('span', 'u', r.k === 'mark' ? r.u : path(r.u));
      url.title = r.u + (r.x ? '\n' + r.x : '') + '\n' + this.data.steps[r.s];
      el.append(make('span', 'c', r.c), make('span', 'm', kind), make('span', 'st', String(state)), url, make('span', 'd', r.k === 'mark' ? '' : duration(r.e - r.b)), this.bar(r));
      return el;
    }

    place(t) { return 100 * (t - this.from) / (this.to - this.from); }

    bar(r) {
      const bar = make('span', 'bar');
      bar.setAttribute('aria-hidden', 'true');
      const add = (cls, from, to) => {
        const left = Math.max(-1, this.place(from)), right = Math.min(101, this.place(to));
        if (right < 0 || left > 100) return;
        const el = make('i', cls);
        el.style.left = left + '%';
        if (to > from) el.style.width = Math.max(0, right - left) + '%';
        bar.append(el);
      };
      if (!r.p) {
        add('k', r.b, r.b);
        return bar;
      }
      let at = r.b;
      r.p.forEach((s, n) => {
        if (s > 0) add(phases[n][0], at, at + s);
        at += s;
      });
      if (at === r.b) add('w', r.b, r.b);
      for (const t of r.ev || []) add('e', t, t);
      return bar;
    }

    rule() {
      const bar = this.ruler.lastChild;
      const span = this.to - this.from, wanted = span / 6;
      const base = 10 ** Math.floor(Math.log10(wanted));
      const unit = [1, 2, 5, 10].map(n => n * base).find(n => n >= wanted);
      const marks = [];
      for (let t = Math.ceil(this.from / unit) * unit; t < this.to; t += unit) {
        const mark = make('b', '', unit >= 1 ? t.toFixed(0) + ' s' : unit >= 0.001 ? t.toFixed(3).replace(/0+$/, '').replace(/\.$/, '') + ' s' : t.toFixed(6) + ' s');
        mark.style.left = this.place(t) + '%';
        marks.push(mark);
      }
      bar.replaceChildren(...marks);
    }

    zoom(factor, around) {
      const row = this.shown[this.active];
      const middle = around !== undefined ? around : row ? (Math.max(row.b, this.from) + Math.min(row.e, this.to)) / 2 : (this.from + this.to) / 2;
      this.window(middle - (middle - this.from) * factor, middle + (this.to - middle) * factor);
    }

    window(from, to) {
      const end = Math.max(this.data.end, 0.001), span = Math.min(Math.max(to - from, 0.0005), end);
      this.from = Math.min(Math.max(0, from), end - span);
      this.to = this.from + span;
      this.filter();
      this.follow();
    }

    whole() { this.window(0, this.data.end); }

    wheel(e) {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      this.zoom(e.deltaY > 0 ? 1.25 : 0.8, this.time(e));
    }

    // time is where on the clock an event points to.
    time(e) {
      const box = this.ruler.lastChild.getBoundingClientRect();
      return this.from + Math.min(1, Math.max(0, (e.clientX - box.left) / box.width)) * (this.to - this.from);
    }

    drag() {
      let start = null;
      const brush = make('u');
      this.ruler.addEventListener('pointerdown', e => {
        start = this.time(e);
        this.ruler.setPointerCapture(e.pointerId);
      });
      this.ruler.addEventListener('pointermove', e => {
        if (start === null) return;
        const now = this.time(e);
        brush.style.left = this.place(Math.min(start, now)) + '%';
        brush.style.width = this.place(Math.max(start, now)) - this.place(Math.min(start, now)) + '%';
        this.ruler.lastChild.append(brush);
      });
      this.ruler.addEventListener('pointerup', e => {
        const from = start, to = this.time(e);
        start = null;
        brush.remove();
        if (from !== null && Math.abs(this.place(to) - this.place(from)) > 1) this.window(Math.min(from, to), Math.max(from, to));
      });
    }

    key(e) {
      const page = Math.max(1, Math.floor(this.view.clientHeight / this.height) - 2), span = this.to - this.from;
      const moves = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
      if (e.altKey || e.ctrlKey || e.metaKey) return;
      if (e.key in moves) this.move(this.active < 0 && moves[e.key] > 0 && moves[e.key] !== Infinity ? 0 : this.active + moves[e.key]);
      else if (e.key === 'Enter' || e.key === ' ') this.open(this.active);
      else if (e.key === '+' || e.key === '=') this.zoom(0.5);
      else if (e.key === '-') this.zoom(2);
      else if (e.key === '0') this.whole();
      else if (e.key === 'ArrowRight') this.window(this.from + span / 4, this.to + span / 4);
      else if (e.key === 'ArrowLeft') this.window(this.from - span / 4, this.to - span / 4);
      else if (e.key === '/') this.search.focus();
      else return;
      e.preventDefault();
    }

    move(to) {
      if (!this.shown.length) return;
      this.active = Math.min(this.shown.length - 1, Math.max(0, to));
      this.follow();
      this.draw();
    }

    // follow scrolls to where the active row can be seen.
    follow() {
      if (this.active < 0) return;
      const top = this.active * this.height, ruler = this.ruler.offsetHeight;
      if (top < this.view.scrollTop) this.view.scrollTop = top;
      else if (top + this.height + ruler > this.view.scrollTop + this.view.clientHeight) this.view.scrollTop = top + this.height + ruler - this.view.clientHeight;
    }

    click(e) {
      const el = e.target.closest('[role=option]');
      if (el) this.open(Number(el.dataset.i));
    }

    open(i) {
      if (i < 0 || i >= this.shown.length) return;
      this.active = i;
      this.draw();
      this.show(this.shown[i]);
    }

    // reveal shows an exchange, whatever was filtered.
    reveal(id) {
      this.search.value = this.kind.value = this.step.value = '';
      for (const name in this.checks) this.checks[name].checked = name !== 'bad';
      this.whole();
      const i = this.shown.findIndex(r => r.id === id);
      this.active = i;
      this.follow();
      this.open(i);
    }

    close() {
      this.detail.hidden = true;
      this.view.focus();
    }

    show(r) {
      const d = r.id ? this.data.details[r.id] : {}, panel = this.detail, head = make('header');
      const title = r.k === 'mark' ? 'Note' : 'Exchange ' + r.id + ': ' + (r.m || '') + ' ' + (r.st || '');
      head.append(make('h4', '', title));
      const button = make('button', '', 'close');
      button.type = 'button';
      button.addEventListener('click', () => this.close());
      head.append(button);
      panel.replaceChildren(head);
      panel.setAttribute('aria-label', title);
      this.facts(panel, r, d || {});
      if (!d) panel.append(make('p', '', 'Its details found no room in this page; they are in network.har and timeline.ndjson.'));
      else this.contents(panel, d);
      panel.hidden = false;
      panel.focus();
    }

    facts(panel, r, d) {
      const list = make('dl');
      const fact = (name, value) => {
        if (value === undefined || value === '' || value === null) return;
        const pair = make('div');
        pair.append(make('dt', '', name), make('dd', '', String(value)));
        list.append(pair);
      };
      fact(r.k === 'mark' ? 'says' : 'URL', d.u || r.u);
      fact('client, step', r.c + ', ' + this.data.steps[r.s]);
      fact('time', duration(r.b) + ' into the run' + (r.k === 'mark' ? '' : ', for ' + duration(r.e - r.b)));
      if (r.p) fact('phases', r.p.map((s, n) => s > 0 ? phases[n][1] + ' ' + duration(s) : '').filter(Boolean).join(', '));
      fact('name', d.dns);
      fact('connection', (d.tcp || []).join('; '));
      fact('TLS', (d.tls || []).join('; '));
      fact('answered by', d.re);
      fact('body', r.z ? bytes(r.z) : '');
      fact('end', d.cl);
      panel.append(list);
    }

    contents(panel, d) {
      const columns = make('div', 'columns');
      for (const [title, headers] of [['Request headers', d.q], ['Answer: ' + (d.a || ''), d.h]]) {
        if (!headers) continue;
        const side = make('div'), list = make('dl', 'headers');
        for (const i of headers) {
          const pair = make('div');
          pair.append(make('dt', '', this.data.headers[i][0]), make('dd', '', this.data.headers[i][1]));
          list.append(pair);
        }
        side.append(make('h5', '', title), list);
        columns.append(side);
      }
      panel.append(columns);
      if (d.y) {
        const pre = make('pre', '', d.y);
        pre.tabIndex = 0;
        panel.append(make('h5', '', 'First bytes of the body'), pre);
      }
      for (const [title, parts] of [['Events', d.ev], ['Frames', d.fr], ['Console', d.co], ['Notes', d.no]]) {
        if (parts) panel.append(make('h5', '', title), this.listed(parts, title));
      }
      if (d.mo) panel.append(make('p', '', d.mo + ' more are in network.har and timeline.ndjson.'));
    }

    listed(parts, title) {
      const list = make('ol');
      list.tabIndex = 0;
      list.setAttribute('aria-label', title);
      for (const p of parts) {
        const item = make('li');
        item.append(make('span', '', p.t.toFixed(3) + ' s'), make('span', '', p.k + (p.n ? ', ' + bytes(p.n) : '')), make('code', '', p.d));
        list.append(item);
      }
      return list;
    }
  }

  const timelines = new Map();
  const timeline = root => {
    if (!timelines.has(root)) timelines.set(root, new Timeline(root));
    return timelines.get(root);
  };
  const roots = document.querySelectorAll('.timeline');
  const watch = new IntersectionObserver(seen => {
    for (const e of seen) if (e.isIntersecting) { watch.unobserve(e.target); timeline(e.target.nextElementSibling); }
  }, {rootMargin: '800px'});
  for (const root of roots) {
    const sentinel = make('div');
    root.before(sentinel);
    watch.observe(sentinel);
  }
  document.addEventListener('click', e => {
    const proof = e.target.closest('a.proof');
    if (!proof) return;
    const root = proof.closest('.target').querySelector('.timeline');
    if (!root) return;
    e.preventDefault();
    const drawn = timeline(root);
    root.scrollIntoView({block: 'start'});
    drawn.reveal(Number(proof.dataset.exchange));
  });
  addEventListener('beforeprint', () => { for (const d of document.querySelectorAll('details:not(.shot)')) d.open = true; });
})();
