// Lets the reader choose days and a level for what the page holds by day and level, from the files behind its links.
// What is not a sum of days is left as it is, and says so.
const DAY = 86_400_000;
const form = document.getElementById("filter");
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const WEEKDAYS = "Sun Mon Tue Wed Thu Fri Sat".split(" ");
// The longest spans that are drawn as days, weeks and months: see spans.py.
const UNITS = [["day", 100], ["week", 700], ["month", 3000], ["year", Infinity]];
const MANY_WEEKS = 26;
const MEAN = "mean of the days of each";

// ---- the numbers that the page holds ----

function readFile(name) {
  // RFC 4180: fields between quotes hold anything.
  const link = document.querySelector(`a[download="${name}.csv"]`).href;
  const rows = [[]];
  for (const [, quoted, plain, end] of decodeURIComponent(link.slice(link.indexOf(",") + 1)).matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ",") rows.push([]);
  }
  const [names, ...records] = rows.filter((row) => row.length > 1);
  // Without a day, it is a total.
  return records.filter((row) => row[names.indexOf("day")]).map((row) => Object.fromEntries(names.map((one, place) => [one, row[place]])));
}

const sum = (rows, field) => rows.reduce((total, row) => total + Number(row[field]), 0);

// ---- texts, as formats.py makes them ----

const dateOf = (day) => new Date(`${day}T00:00Z`);
const monthOf = (date) => `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;

function nameDay(day) {
  const date = dateOf(day);
  return `${WEEKDAYS[date.getUTCDay()]} ${date.getUTCDate()} ${monthOf(date)}`;
}

function group(text) {
  const [whole, part] = text.split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
}

// With so many decimals. What is exactly half goes to the even digit, as in Python.
function round(value, decimals) {
  // Forty digits more leave out nothing of a number that is exactly half.
  const exact = value.toFixed(decimals + 40);
  return /[02468]\.?50{39}$/.test(exact) ? exact.slice(0, -40).replace(/\.$/, "") : value.toFixed(decimals);
}

function showNumber(value) {
  const decimals = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return group(round(value, decimals));
}

function showExact(value) {
  if (value === 0) return "0";
  const place = -Math.floor(Math.log10(Math.abs(value)));
  const text = group(round(value, Math.max(4, place + 3)));
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function showShare(share) {
  if (share === null) return "–";
  const percent = 100 * share;
  if (percent >= 99.95 && percent < 100) return "over 99.9%";
  if (percent === 0) return "0%";
  return `${percent < 1 ? Number(round(percent, 2 - Math.floor(Math.log10(percent)))) : round(percent, 1).replace(/\.0$/, "")}%`;
}

// ---- days, weeks, months and years, as spans.py makes them ----

class Spans {
  constructor(days) {
    this.first = days.reduce((one, other) => (one < other ? one : other));
    this.last = days.reduce((one, other) => (one > other ? one : other));
    this.unit = UNITS.find(([, most]) => this.count(this.first, this.last) <= most)[0];
  }
  count(first, last) {
    return (dateOf(last) - dateOf(first)) / DAY + 1;
  }
  move(day, days) {
    return new Date(Number(dateOf(day)) + days * DAY).toISOString().slice(0, 10);
  }
  startOf(day) {
    if (this.unit === "week") return this.move(day, -((dateOf(day).getUTCDay() + 6) % 7));
    return { day, month: `${day.slice(0, -2)}01`, year: `${day.slice(0, -5)}01-01` }[this.unit];
  }
  next(start) {
    return this.startOf(this.move(start, { day: 1, week: 7, month: 31, year: 366 }[this.unit]));
  }
  listStarts() {
    const starts = [this.startOf(this.first)];
    while (this.next(starts.at(-1)) <= this.last) starts.push(this.next(starts.at(-1)));
    return starts;
  }
  countDays(start) {
    const end = this.move(this.next(start), -1);
    return this.count(start < this.first ? this.first : start, end > this.last ? this.last : end);
  }
  name(start) {
    return { day: nameDay(start), week: `week of ${nameDay(start)}`, month: monthOf(dateOf(start)), year: start.slice(0, -6) }[this.unit];
  }
  // The sums of fields over each span, and for each value of another field if there is one.
  add(records, fields, by) {
    const rows = new Map();
    for (const record of records) {
      const start = this.startOf(record.day);
      const key = JSON.stringify([start, by && record[by]]);
      if (!rows.has(key)) {
        rows.set(key, { start, label: this.name(start), ...(by && { [by]: record[by] }), days: this.countDays(start), ...Object.fromEntries(fields.map((one) => [one, 0])) });
      }
      for (const field of fields) rows.get(key)[field] += Number(record[field]);
    }
    return [...rows.values()];
  }
  // Put the axis of these spans into a drawing, and their rows; `each` begins the words for long spans, if there are any.
  put(spec, rows, each) {
    spec.description = spec.description.replace(/, (mean of the days of each|by) (week|month|year)$/, "");
    spec.description += each && this.unit !== "day" ? `, ${each} ${this.unit}` : "";
    const x = spec.encoding.x;
    const starts = this.listStarts();
    const form = { day: "%-d %b", week: starts.length > MANY_WEEKS ? "%b %Y" : "%-d %b", month: "%b %Y", year: "%Y" }[this.unit];
    x.scale.domain = starts;
    x.title = this.unit === "day" ? null : this.unit + (this.unit === "week" ? ", from Monday" : "");
    x.axis.labelExpr = `utcFormat(utcParse(datum.value, '%Y-%m-%d'), '${form}')`;
    spec.encoding.tooltip[0].title = this.unit;
    spec.data.values = rows;
  }
}

// ---- the drawings that follow ----

function fillLevels(spec, records, field) {
  const spans = new Spans(records.map((record) => record.day));
  const rows = spans.add(records, [...new Set([field, "plays"])], "level");
  for (const row of rows) {
    row.mean_value = row[field] / row.days;
    row.mean = showExact(row.mean_value);
  }
  spans.put(spec, rows, MEAN);
}

function fillService(spec, records) {
  const spans = new Spans(records.map((record) => record.day));
  const days = records.map((record) => ({ ...record, gaps: record.events === "0" ? 1 : 0 }));
  const rows = spans.add(days, ["events", "errors", "logged_out_events", "gaps"]);
  for (const row of rows) {
    row.per_day = row.events / row.days;
    row.error_rate = row.events ? (1000 * row.errors) / row.events : null;
    row.out = row.events ? row.logged_out_events / row.events : null;
    Object.assign(row, { mean: showExact(row.per_day), rate_text: row.events ? showNumber(row.error_rate) : "–", out_text: showShare(row.out) });
  }
  spans.put(spec, rows, spec.encoding.y.field === "per_day" && MEAN);
}

function fillMatches(spec, records) {
  const spans = new Spans(records.map((record) => record.day));
  const known = new Map(spec.data.values.map((row) => [row.match, row]));
  const whole = new Map(spans.add(records, ["plays"]).map((row) => [row.start, row.plays]));
  const rows = spans.add(records, ["plays"], "match").map((row) => {
    const share = row.plays / whole.get(row.start);
    return { ...known.get(row.match), ...row, share, share_text: showShare(share) };
  });
  spans.put(spec, rows, "by");
}

// Windows that reach before the first day are those of another period.
function fillAudience(spec, first, last) {
  const blank = (row, days, ...fields) => {
    const isWhole = (dateOf(row.day) - dateOf(first)) / DAY >= days - 1;
    return isWhole ? {} : Object.fromEntries(fields.map((field) => [field, field.startsWith("of_") ? `until ${days} days of log, undefined` : null]));
  };
  spec.data.values = spec.data.values
    .filter((row) => row.day >= first && row.day <= last)
    .map((row) => ({ ...row, ...blank(row, 7, "trend", "wau", "of_week"), ...blank(row, 30, "mau", "of_month") }));
  // One point makes no line: the one that only the pointer finds is shown.
  if (spec.data.values.length < 2) spec.layer.at(-1).mark.opacity = 1;
}

// ---- what is chosen ----

function startFilter(redraw) {
  const files = { hours: readFile("hours"), levels: readFile("levels"), service_days: readFile("service_days"), match_days: readFile("match_days") };
  const { from, to, level } = form.elements;
  const [drawnFirst, drawnLast] = form.dataset.drawn.split(" ");
  // As audience.py draws more than a hundred days.
  const isOfSundays = new Spans([drawnFirst, drawnLast]).unit !== "day";
  const chosen = document.getElementById("chosen");
  const wholePeriod = `the whole period${level ? ", all levels" : ""}`;
  const tiles = Object.fromEntries([...document.querySelectorAll(".tile")].map((tile) => [tile.dataset.name, tile.querySelector(".value")]));
  const whole = Object.fromEntries(Object.entries(tiles).map(([name, tile]) => [name, tile.textContent]));
  const notes = [...document.querySelectorAll("article.question")].map((article) => {
    const note = Object.assign(document.createElement("p"), { className: "reach", hidden: true });
    article.querySelector(".finding").after(note);
    return [article.getAttribute("aria-labelledby"), note];
  });
  const within = (rows, first, last) => rows.filter((row) => row.day >= first && row.day <= last);
  const drawings = {
    audience: { level: false, fill: (spec, all) => fillAudience(spec, all.service_days[0].day, all.service_days.at(-1).day) },
    hours: { level: true, fill: (spec, all) => fillLevels(spec, all.hours, "hours") },
    levels: { level: true, fill: (spec, all) => fillLevels(spec, all.levels, "users_at_end") },
    match_days: { level: false, fill: (spec, all) => fillMatches(spec, all.match_days) },
    service_days: { level: false, fill: (spec, all) => fillService(spec, all.service_days) },
  };

  // The days with events, as the answers of a cut have them.
  function cutFiles(first, last, wanted) {
    const cut = Object.fromEntries(Object.entries(files).map(([name, rows]) => [name, within(rows, first, last).filter((row) => !wanted || !("level" in row) || row.level === wanted)]));
    const days = cut.service_days.filter((row) => row.events !== "0").map((row) => row.day);
    cut.service_days = days.length ? within(cut.service_days, days[0], days.at(-1)) : [];
    return cut;
  }

  function showTiles(rows, isWhole) {
    const plays = sum(rows, "plays");
    const shown = { plays: showNumber(plays), hours: showNumber(sum(rows, "hours")), paid_share: showShare(plays ? sum(rows.filter((row) => row.level === "paid"), "plays") / plays : null) };
    for (const [name, tile] of Object.entries(tiles)) {
      tile.textContent = isWhole ? whole[name] : shown[name] ?? whole[name];
      tile.closest(".tile").querySelector(".reach").textContent = isWhole ? "" : name in shown ? "as chosen" : wholePeriod;
    }
  }

  async function apply() {
    const first = from.value || from.min;
    const last = to.value || to.max;
    const wanted = level?.value ?? "";
    if (first > last) {
      chosen.textContent = "The first day is after the last one: choose others.";
      return;
    }
    const isWhole = first <= from.min && last >= to.max && !wanted;
    const days = first === last ? nameDay(first) : `${nameDay(first)} to ${nameDay(last)}`;
    const words = `${days}${wanted ? `, level ${wanted}` : ""}`;
    document.documentElement.toggleAttribute("data-filtered", !isWhole);
    showTiles(cutFiles(first, last, wanted).hours, isWhole);
    const seen = cutFiles(first < drawnFirst ? drawnFirst : first, last > drawnLast ? drawnLast : last, wanted);
    for (const [name, note] of notes) {
      const about = drawings[name];
      note.hidden = isWhole;
      note.textContent = about
        ? `Drawn: ${about.level ? words : `${days}${wanted ? ", all levels" : ""}`}${name === "audience" && isOfSundays ? ", of each week its Sunday" : ""}. The sentence and the numbers are of the whole period.`
        : `Not as chosen above: ${wholePeriod}.`;
    }
    for (const [name, { fill }] of Object.entries(drawings)) {
      await redraw(name, isWhole ? null : (spec) => (seen[name === "audience" ? "service_days" : name].length ? fill(spec, seen) : (spec.data.values = [])));
    }
    chosen.textContent = isWhole
      ? "Everything is shown."
      : `${words}: plays, hours, paid share and the drawings over days. What is marked otherwise shows the whole period.`;
  }

  form.hidden = false;
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
}
