/** Finds the images that a chart names: in what `helm template` makes of it, else in its values; and in its annotation. */

import { createHash } from 'node:crypto'
import type { Bytes } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { IntegrityError } from '../../core/errors.ts'
import type { ChartImages } from '../../core/images.ts'
import { LARGEST_METADATA, metadataIn } from '../chart/archive.ts'
import { isMapValue, isScalarValue, parseYaml, type Value } from '../chart/go-yaml.ts'
import { unpack, wholeBudget } from '../chart/unpack.ts'
import { LARGEST_ARCHIVE } from '../store/charts.ts'
import { hold } from '../store/held.ts'
import { imagesInAnnotation } from './annotation.ts'
import { createGathering, type Gathering } from './gathered.ts'
import { type Helm, renderChart } from './render.ts'
import { imagesInRendered } from './rendered.ts'
import { imagesInCharts, isOfValues } from './values.ts'

export interface FindOptions {
  /** Absent: charts are not rendered. */
  readonly helm?: Helm | undefined
  /** Of the user; the last counts most. `name` is for messages. */
  readonly values: readonly { readonly name: string; readonly text: string }[]
}

/** `content`: the archive that `descriptor` names. Throws an `IntegrityError` for another one, and for what is not a chart. */
export async function findImages(
  descriptor: Descriptor,
  content: Bytes,
  { helm, values }: FindOptions,
  ctx: Context,
): Promise<ChartImages> {
  const archive = await hold(verified(content, descriptor.digest), LARGEST_ARCHIVE, 'its archive')
  try {
    const budget = wholeBudget()
    const wanted = (path: string, size: number): boolean =>
      isOfValues(path) && (size <= LARGEST_METADATA || !path.endsWith('/Chart.yaml'))
    const { files } = await unpack(archive.open(0, ctx), wanted, budget)
    const to = createGathering()
    const metadata = metadataIn(files, '')
    imagesInAnnotation(metadata, to)
    // A library is part of other charts, and runs nothing.
    if (metadata.type === 'library') return to.result(true)
    const texts = values.map(({ text }) => text)
    const rendering = helm && (await renderChart(archive, texts, helm, ctx))
    if (rendering && 'text' in rendering) {
      imagesInRendered(rendering.text, to)
      return to.result(true)
    }
    const own = given(values, to)
    if (rendering) {
      const why = withoutValues(rendering.failed, own)
      to.unresolved(`helm template failed, so its values are read: ${why}`)
    }
    await imagesInCharts(files, own, budget, to)
    return to.result(rendering?.lasting ?? true)
  } finally {
    archive.drop()
  }
}

/** Throws at its end where the content has another digest. */
async function* verified(content: Bytes, digest: Digest): Bytes {
  const [algorithm = ''] = digest.split(':')
  const hash = createHash(algorithm)
  for await (const chunk of content) {
    hash.update(chunk)
    yield chunk
  }
  const is = `${algorithm}:${hash.digest('hex')}`
  if (is !== digest) throw new IntegrityError(`its archive should be ${digest}, and is ${is}`)
}

function given(values: FindOptions['values'], to: Gathering): readonly Value[] {
  return values.flatMap(({ name, text }) => {
    try {
      return [parseYaml(text, name)]
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      to.unresolved(error.message)
      return []
    }
  })
}

/** Values of the user may be secret, and a chart may complain of them. */
function withoutValues(text: string, values: readonly Value[]): string {
  return values.flatMap(textsIn).reduce((so, secret) => so.replaceAll(secret, '***'), text)
}

/** Those that are long enough to be a secret, and to stand for nothing else. */
function textsIn(value: Value): readonly string[] {
  if (isScalarValue(value)) return value.text.length >= 6 ? [value.text] : []
  return (isMapValue(value) ? [...value.values()] : value).flatMap(textsIn)
}
