/** What is found of a chart's images, each once and within bounds. */

import { foreignName } from '../../core/foreign.ts'
import { type ChartImages, formatImage, type NamedImage } from '../../core/images.ts'
import { plural } from '../../core/plural.ts'
import type { WrittenImage } from './reference.ts'

/** More than any chart has. */
const MOST_IMAGES = 1000
const MOST_UNRESOLVED = 50

export interface Gathering {
  /** One without a tag counts as `latest`, as for Kubernetes. */
  image(image: WrittenImage): void
  /** `why` may quote names of the chart, cut with `foreignName`. */
  unresolved(why: string): void
  result(lasting: boolean): ChartImages
}

export function createGathering(): Gathering {
  const images = new Map<string, NamedImage>()
  const unresolved = new Set<string>()
  let more = 0
  const note = (why: string): void => {
    if (unresolved.size < MOST_UNRESOLVED) unresolved.add(why)
    else if (!unresolved.has(why)) more += 1
  }
  return {
    image(written) {
      const image = written.tag === undefined && written.digest === undefined ? { ...written, tag: 'latest' } : written
      const name = formatImage(image)
      if (images.size < MOST_IMAGES || images.has(name)) images.set(name, image)
      else note(`${foreignName(name)} is left out: the chart names more than ${MOST_IMAGES} images`)
    },
    unresolved: note,
    result: (lasting) => ({
      images: [...images.values()],
      unresolved: [...unresolved, ...(more > 0 ? [`and ${plural(more, 'more place')}`] : [])],
      lasting,
    }),
  }
}
