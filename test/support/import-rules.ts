/** Who may import whom, and who may touch the process: the rules of the architecture as data, and a reader of imports. */

import { dirname, join, normalize } from 'node:path/posix'

/** Which layers a layer may import directly; it may import what those may, too. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  core: [],
  process: ['core'],
  transfer: ['core'],
  history: ['process', 'core'],
  config: ['core'],
  credentials: ['core'],
  http: ['core'],
  oci: ['http', 'process', 'core'],
  charts: ['http', 'process', 'core'],
  adapters: ['oci', 'charts', 'core'],
  engine: ['transfer', 'history', 'process', 'core'],
  queue: ['engine', 'config', 'transfer', 'core'],
  serve: ['engine', 'config', 'core'],
  app: ['adapters', 'serve', 'queue', 'engine', 'config', 'credentials', 'history', 'process', 'core'],
  cli: ['app', 'core'],
  page: ['serve'],
  bin: ['cli', 'app'],
}

/** The homes of each dependency: a layer, or a file or folder. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  undici: ['src/http/'],
  'better-sqlite3': ['src/history/'],
  keytar: ['src/credentials/keychain.ts'],
  commander: ['src/cli/'],
  chalk: ['src/cli/'],
  'cli-progress': ['src/cli/'],
  'cli-table3': ['src/cli/'],
  '@inquirer/prompts': ['src/cli/prompt/drawn.ts'],
  // Patterns are checked at load and matched in the plan.
  picomatch: ['src/core/pattern.ts'],
  // Regular expressions of a policy, in linear time.
  re2js: ['src/core/'],
  // Ranges are checked at load and matched in the plan.
  semver: ['src/engine/', 'src/config/'],
  // Schedules are checked at load and asked for their times by commands.
  'cron-parser': ['src/core/schedule.ts'],
  yaml: ['src/config/', 'src/charts/'],
  fastify: ['src/serve/'],
  '@fastify/cookie': ['src/serve/api/'],
  '@fastify/swagger': ['src/serve/api/'],
  'fastify-type-provider-zod': ['src/serve/api/'],
  bullmq: ['src/queue/'],
  ioredis: ['src/queue/'],
  preact: ['src/page/'],
  uplot: ['src/page/'],
  vite: ['src/page/vite.config.ts'],
  'prom-client': ['src/serve/metrics/'],
  'tar-stream': ['src/oci/', 'src/charts/'],
  'google-auth-library': ['adapters/google-gar/'],
  '@aws-sdk/client-ecr': ['adapters/aws-ecr/'],
  '@aws-sdk/client-ecr-public': ['adapters/aws-ecr-public/'],
  // Wherever JSON or YAML from outside is checked.
  zod: [
    'src/config/',
    'src/credentials/',
    'src/http/',
    'src/oci/',
    'src/charts/',
    'src/history/',
    'src/engine/',
    'src/queue/',
    'src/serve/',
    'src/page/',
    'src/cli/',
    'src/app/foreign.ts',
    'src/app/kit.ts',
    'adapters/',
  ],
}

/** Of Node's own modules, what makes no I/O and may be used in `core`. */
const CORE_BUILTINS: ReadonlySet<string> = new Set(['node:crypto', 'node:path'])

const STDOUT =
  /\bconsole\s*\.\s*(?:log|info|debug|dir|dirxml|table|group|count|time|timeEnd|timeLog)\b|\bprocess\s*\.\s*stdout\b/
const ENVIRONMENT = /\bprocess\s*\.\s*env\b|\bprocess\s*\[|\benv\b[^\n]*\bfrom\s+['"]node:process['"]/
/** Hands the whole environment on, and looks at nothing in it. */
const HANDED_ON = /\benv:\s*process\.env\s*,?\s*$/gm

/** A sentence for everything in the file `path` (from the project's root) that breaks a rule. */
export function violationsIn(path: string, source: string): readonly string[] {
  const code = withoutComments(source)
  const found = importsIn(code)
    .map((specifier) => problemWith(path, specifier))
    .filter((problem) => problem !== undefined)
  const layer = layerOf(path)
  if (layer !== 'cli' && layer !== 'bin' && STDOUT.test(code)) found.push(`${path} writes to standard output`)
  if (layer === 'bin' && /\bconsole\s*\.\s*log\b|\bprocess\s*\.\s*stdout\b/.test(code)) {
    found.push(`${path} writes to standard output`)
  }
  if (!mayReadEnvironment(path, layer) && ENVIRONMENT.test(code.replace(layer === 'cli' ? HANDED_ON : '', ''))) {
    found.push(`${path} reads the environment`)
  }
  return found
}

/** All specifiers, of types and dynamic imports too. */
export function importsIn(code: string): readonly string[] {
  const patterns = [
    /\b(?:import|export)\s[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g,
  ]
  const found = patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ''))
  return [...new Set(found)]
}

/** Every circle of imports among `files`, types included: the files of each. `sourceOf` reads one. */
export function circlesIn(
  files: readonly string[],
  sourceOf: (path: string) => string,
): readonly (readonly string[])[] {
  const imports = new Map(files.map((path) => [path, targetsOf(path, sourceOf(path))]))
  const order = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []
  const visit = (path: string): number => {
    const at = order.size
    order.set(path, at)
    open.push(path)
    let low = at
    for (const target of imports.get(path) ?? []) {
      if (!imports.has(target)) continue
      if (!order.has(target)) low = Math.min(low, visit(target))
      else if (open.includes(target)) low = Math.min(low, order.get(target) ?? at)
    }
    if (low !== at) return low
    const circle = open.splice(open.indexOf(path))
    if (circle.length > 1) circles.push(circle.sort())
    return low
  }
  for (const path of files) if (!order.has(path)) visit(path)
  return circles
}

function targetsOf(path: string, source: string): readonly string[] {
  return importsIn(withoutComments(source))
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(path), specifier)))
}

function problemWith(path: string, specifier: string): string | undefined {
  const layer = layerOf(path)
  if (specifier.startsWith('node:')) {
    return layer === 'core' && !CORE_BUILTINS.has(specifier) ? `${path} is core and imports ${specifier}` : undefined
  }
  if (!specifier.startsWith('.')) return problemWithPackage(path, specifier)
  const target = normalize(join(dirname(path), specifier))
  if (target === 'package.json') return undefined
  const other = layerOf(target)
  if (other === undefined) return `${path} imports ${target}, which belongs to no layer`
  if (layer === undefined || other === layer || reachable(layer).has(other)) return undefined
  return `${path} imports ${target}, but ${layer} must not know ${other}`
}

function problemWithPackage(path: string, specifier: string): string | undefined {
  const parts = specifier.split('/')
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  const homes = HOMES[name]
  if (!homes) return `${path} imports ${name}, which has no home`
  return homes.some((home) => path.startsWith(home)) ? undefined : `${path} imports ${name}, whose home is ${homes}`
}

function mayReadEnvironment(path: string, layer: string | undefined): boolean {
  // bin chooses what to start before there is an app.
  return layer === 'config' || layer === 'credentials' || layer === 'bin' || path === 'src/app/app.ts'
}

/** Every layer that may be imported from this one. */
function reachable(layer: string, seen: Set<string> = new Set()): ReadonlySet<string> {
  for (const below of BELOW[layer] ?? []) {
    if (seen.has(below)) continue
    seen.add(below)
    reachable(below, seen)
  }
  return seen
}

function layerOf(path: string): string | undefined {
  const [first, second] = path.replace(/^dist\//, '').split('/')
  const name = first === 'src' ? second : first
  return name !== undefined && name in BELOW ? name : undefined
}

/** Strings stay: a specifier is one. A line comment begins where no quote or colon is before it. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{}(),])\/\/[^\n]*/g, '$1')
}
