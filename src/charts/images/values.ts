/** Images in the values of a chart and of the charts in it, where nothing renders them. */

import { bytesOf } from '../../core/content.ts'
import { IntegrityError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import { metadataIn } from '../chart/archive.ts'
import { isMapValue, parseYaml, type Value } from '../chart/go-yaml.ts'
import { type Budget, textOf, unpack } from '../chart/unpack.ts'
import { imagesInValues } from './fields.ts'
import type { Gathering } from './gathered.ts'

/** Charts in each other, and charts in all. */
const DEEPEST = 8
const MOST_CHARTS = 200

type Files = ReadonlyMap<string, Buffer>

/** What the values of a chart are made of. */
interface Chart {
  /** All files, of which the chart's own are below `prefix`. */
  readonly files: Files
  readonly prefix: string
  /** Values of the user and of the charts around it, which replace its own. */
  readonly above: readonly Value[]
  /** For messages: empty, or `charts/sub/`. */
  readonly place: string
}

/** True for files that `imagesInCharts` reads. */
export function isOfValues(path: string): boolean {
  return /^(?:charts\/[^/]+\/)*(?:values\.yaml|Chart\.yaml|requirements\.yaml|charts\/[^/]+\.tgz)$/.test(path)
}

/** `files`: those of an archive that are `isOfValues`; `given`: the user's values, of which the last counts most. */
export async function imagesInCharts(
  files: Files,
  given: readonly Value[],
  budget: Budget,
  to: Gathering,
): Promise<void> {
  const open: Chart[] = [{ files, prefix: '', above: given, place: '' }]
  for (let count = 0; ; count += 1) {
    const chart = open.shift()
    if (!chart) return
    if (count >= MOST_CHARTS) return to.unresolved(`the chart holds more than ${MOST_CHARTS} charts`)
    try {
      open.push(...(await readChart(chart, budget, to)))
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      to.unresolved(`${chart.place === '' ? '' : `${foreignName(chart.place)}: `}${error.message}`)
    }
  }
}

/** Notes the images of one chart; the charts in it. */
async function readChart(chart: Chart, budget: Budget, to: Gathering): Promise<readonly Chart[]> {
  const { files, prefix, above, place } = chart
  const own = files.get(`${prefix}values.yaml`)
  const file = `${place}values.yaml`
  const values = merged([...(own ? [parseYaml(textOf(own), foreignName(file))] : []), ...above])
  imagesInValues(values, foreignName(file), to)
  const names = subchartsOf(files, prefix)
  if (names.size === 0) return []
  if (place.split('charts/').length > DEEPEST) throw new IntegrityError('charts are nested too deep')
  const aliases = aliasesIn(files, prefix)
  const below: Chart[] = []
  for (const [name, packed] of names) {
    const path = `${prefix}charts/${name}`
    const inside = packed ? (await unpack(bytesOf(packed), isOfValues, budget)).files : files
    const start = packed ? '' : `${path}/`
    const called = nameIn(inside, start) ?? name
    for (const key of aliases.get(called) ?? [called]) {
      const over = isMapValue(values) ? values.get(key) : undefined
      below.push({ files: inside, prefix: start, above: over ? [over] : [], place: `${place}charts/${name}/` })
    }
  }
  return below
}

/** Undefined where its Chart.yaml does not say. */
function nameIn(files: Files, prefix: string): string | undefined {
  try {
    return metadataIn(files, prefix).name
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error
    return undefined
  }
}

/** Below `charts/`: the folders, and the archives with their content. */
function subchartsOf(files: Files, prefix: string): ReadonlyMap<string, Buffer | undefined> {
  const found = new Map<string, Buffer | undefined>()
  for (const [path, content] of files) {
    if (!path.startsWith(`${prefix}charts/`)) continue
    const [name = '', ...rest] = path.slice(prefix.length + 'charts/'.length).split('/')
    if (rest.length === 0) found.set(name, content)
    else if (!found.has(name)) found.set(name, undefined)
  }
  return found
}

/** By the name of a chart: under which keys its values stand. */
function aliasesIn(files: Files, prefix: string): ReadonlyMap<string, readonly string[]> {
  if (!files.has(`${prefix}Chart.yaml`)) return new Map()
  const { dependencies = [] } = metadataIn(files, prefix)
  const byName = Map.groupBy(dependencies, ({ name = '' }) => name)
  return new Map([...byName].map(([name, all]) => [name, all.map(({ alias }) => alias ?? name)]))
}

/** Mappings are merged as Helm merges them, and of anything else the last counts. */
function merged([first, ...others]: readonly Value[]): Value {
  let result: Value = first ?? new Map()
  for (const next of others) result = isMapValue(result) && isMapValue(next) ? mergedMaps(result, next) : next
  return result
}

function mergedMaps(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): Value {
  const result = new Map(a)
  for (const [key, value] of b) {
    const before = result.get(key)
    result.set(key, before === undefined ? value : merged([before, value]))
  }
  return result
}
