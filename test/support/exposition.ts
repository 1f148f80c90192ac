/** Prometheus' text format, read strictly: https://prometheus.io/docs/instrumenting/exposition_formats/ */

export interface Family {
  readonly help: string
  readonly type: string
  readonly samples: Sample[]
}

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? ([Nn]a[Nn]|[+-]Inf|[-+0-9.e]+)$`)
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y

/** Throws for what Prometheus would refuse, for a series that stands there twice, and for a sample of no family. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let help: readonly [string, string] | undefined
  let current: readonly [string, Family] | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, helped, words] = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line) ?? []
    if (helped !== undefined && words !== undefined) {
      if (families.has(helped)) throw new Error(`${helped} stands there twice`)
      help = [helped, words]
      continue
    }
    const [, typed, type] = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`).exec(line) ?? []
    if (typed !== undefined && type !== undefined) {
      if (help?.[0] !== typed) throw new Error(`${typed} has no help before its type`)
      current = [typed, { help: help[1], type, samples: [] }]
      families.set(...current)
      continue
    }
    const [, name = '', labels = '', value] = SAMPLE.exec(line) ?? []
    if (value === undefined || !current) throw new Error(`not a sample: ${line}`)
    const [family, { samples, type: kind }] = current
    const suffix = name.startsWith(family) ? name.slice(family.length) : undefined
    const suffixes =
      kind === 'histogram' ? ['_bucket', '_sum', '_count'] : kind === 'summary' ? ['', '_sum', '_count'] : ['']
    if (suffix === undefined || !suffixes.includes(suffix)) throw new Error(`${name} is not of ${family}`)
    const read = labelsIn(labels)
    const series = `${name} ${JSON.stringify(Object.entries(read).sort())}`
    if (seen.has(series)) throw new Error(`twice: ${series}`)
    seen.add(series)
    samples.push({ name, labels: read, value: Number(value.replace('Inf', 'Infinity')) })
  }
  return families
}

function labelsIn(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const [, name = '', value] = LABEL.exec(text) ?? []
    if (value === undefined) throw new Error(`not labels: ${text}`)
    if (name in labels) throw new Error(`the label ${name} stands there twice: ${text}`)
    labels[name] = value.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
  }
  return labels
}

/** The value of the series with exactly these labels. */
export function valueIn(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort())
  const samples = [...families.values()].flatMap((family) => family.samples)
  return samples.find((one) => one.name === name && JSON.stringify(Object.entries(one.labels).sort()) === wanted)?.value
}
