// What can stand at a place of a rule: the keys and words that its JSON Schema allows there, and the names that it defines itself.

const OWN = { 'fact name': ['facts'], condition: ['facts'], code: ['valuesets', 'questions'], 'question name': ['questions'] };

export function completions(context, schema) {
  if (!schema) return null;
  const before = context.state.doc.sliceString(0, context.pos);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  if (/^[^"']*#/.test(line)) return null;
  const place = placeOf(before);
  const typed = /[^\s[{,:"']*(?: [^\s[{,:"']+)*$/.exec(place.typed)[0];
  if (!typed && !context.explicit) return null;
  const parts = place.path.reduce((found, step) => found.flatMap((part) => inside(part, step, schema)), expanded(schema, schema));
  const options = [...(place.key ? keys(parts) : []), ...words(parts), ...ownNames(parts, context.state.doc.toString())];
  const unique = [...new Map(options.map((option) => [option.label, option])).values()];
  return unique.length ? { from: context.pos - typed.length, options: unique, validFor: /^[\w -]*$/ } : null;
}

// ------------------------------------------------------------------ where

// The path from the top of the text to its end: keys, and '-' for an item of a list. `key`: whether a key is being written there.
export function placeOf(before) {
  const lines = before.split('\n');
  const line = lines.pop();
  const path = blockPath(lines, line);
  const text = line.replace(/^\s*(- +)*/, '');
  const opened = /^([^\s:{["'][^:{["']*): +(.*)$/.exec(text);
  if (opened) return flowPlace([...path, opened[1]], opened[2]);
  if (/^[[{]/.test(text)) return flowPlace(path, text);
  return { path, key: !/^["']/.test(text), typed: text };
}

// From the line upwards: each line that is indented less is a parent. Under a dash, a key of the same indentation is one, too.
function blockPath(lines, line) {
  const dashes = /^\s*((?:- +)*)/.exec(line)[1].length / 2;
  const path = Array(dashes).fill('-');
  let depth = indent(line);
  let dashed = dashes > 0;
  for (const above of lines.reverse()) {
    if (depth === 0 && !dashed) break;
    const [, spaces, dash, key, value] = /^(\s*)((?:- +)*)([^\s:#-][^:]*):(?: +(.*))?$/.exec(above) ?? [];
    if (key === undefined) continue;
    const column = spaces.length + dash.length;
    if (column < depth || (dashed && !dash && column === depth)) {
      if (!value) path.unshift(key);
      depth = column;
      dashed = false;
    }
    if (dash && column === depth) {
      path.unshift('-');
      depth = spaces.length;
      dashed = true;
    }
  }
  return path;
}

const indent = (line) => /^\s*/.exec(line)[0].length;

// Inside {…} and […] written on one line.
function flowPlace(path, text) {
  const stack = [];
  let word = '';
  let key = null;
  let quote = '';
  for (const sign of text) {
    if (quote) {
      if (sign === quote) quote = '';
      word += sign;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      word += sign;
    } else if (sign === '{' || sign === '[') {
      stack.push({ map: sign === '{', key });
      word = '';
      key = null;
    } else if (sign === '}' || sign === ']') {
      key = stack.pop()?.key ?? null;
      word = '';
    } else if (sign === ',' && stack.length) {
      word = '';
      key = null;
    } else if (sign === ':' && stack.at(-1)?.map) {
      key = word.trim();
      word = '';
    } else {
      word += sign;
    }
  }
  const steps = stack.flatMap((level) => [...(level.key === null ? [] : [level.key]), ...(level.map ? [] : ['-'])]);
  const writesKey = Boolean(stack.at(-1)?.map) && key === null;
  return { path: [...path, ...steps, ...(key === null ? [] : [key])], key: writesKey, typed: word.trimStart() };
}

// ------------------------------------------------------------------ what

// A part of the schema with its references and alternatives followed; each remembers the name by which it was referred to.
function expanded(part, schema, name = '') {
  if (part.$ref) {
    const target = part.$ref.split('/').pop();
    return expanded(schema.$defs[target], schema, target);
  }
  const own = { ...part, name };
  return [own, ...(part.anyOf ?? []).filter((each) => !each.required || each.properties).flatMap((each) => expanded(each, schema, name))];
}

function inside(part, step, schema) {
  const found = step === '-' ? part.items : part.properties?.[step] || part.additionalProperties;
  return found ? expanded(found, schema) : [];
}

function keys(parts) {
  return parts.flatMap((part) => Object.entries(part.properties ?? {})).map(([label, { description }]) => ({
    label, apply: `${label}: `, info: description, type: 'property',
  }));
}

function words(parts) {
  return parts.flatMap((part) => part.enum ?? []).filter((word) => typeof word === 'string').map((label) => ({ label, type: 'constant' }));
}

// The names that the text itself defines, under the heads that the place may refer to.
function ownNames(parts, text) {
  const heads = new Set(parts.flatMap((part) => OWN[part.name] ?? []));
  return [...heads].flatMap((head) => {
    const block = new RegExp(`^${head}:[^\\n]*\\n((?:[ #].*\\n|\\n)*)`, 'm').exec(`${text}\n`);
    const found = [...(block?.[1] ?? '').matchAll(/^ {2}(["']?)([^\s:#"'][^:"']*)\1:/gm)];
    return found.map(([, , label]) => ({ label, type: 'variable', detail: 'this rule' }));
  });
}
