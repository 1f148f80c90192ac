/** A Helm chart in an OCI manifest, and what it is called by: its archive, no matter which tool made the manifest. */

import type { Descriptor, Digest } from './descriptor.ts'
import { contentsOf, HELM_CONFIG, isIndex, isSchema1, type Manifest } from './manifest.ts'

export const CHART_LAYER = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip'
export const PROVENANCE_LAYER = 'application/vnd.cncf.helm.chart.provenance.v1.prov'
/** Of Helm 3.0 to 3.6. */
const OLD_LAYER = 'application/tar+gzip'

/** The parts of a chart that an artifact holds. */
export interface ChartParts {
  readonly config: Descriptor
  readonly archive: Descriptor
  readonly provenance?: Descriptor
}

/** Undefined where the manifest is not a chart's. */
export function chartIn(manifest: Manifest): ChartParts | undefined {
  if (isIndex(manifest.mediaType) || isSchema1(manifest.mediaType)) return undefined
  const { config, blobs } = contentsOf(manifest)
  const archive = blobs.find(({ mediaType }) => mediaType === CHART_LAYER || mediaType === OLD_LAYER)
  if (config?.mediaType !== HELM_CONFIG || !archive) return undefined
  const provenance = blobs.find(({ mediaType }) => mediaType === PROVENANCE_LAYER)
  return { config, archive, ...(provenance ? { provenance } : {}) }
}

/** What the content behind a manifest is called by, so that two manifests of the same content are known as the same. */
export interface ContentName {
  readonly name: Digest
  /** What may stand beside the content without changing it: the provenance of a chart. */
  readonly beside: readonly Digest[]
}

/** A chart is called by its archive; all else is its manifest and has the manifest's own digest. */
export function contentNameOf(manifest: Manifest): ContentName {
  const chart = chartIn(manifest)
  if (!chart) return { name: manifest.digest, beside: [] }
  return { name: chart.archive.digest, beside: chart.provenance ? [chart.provenance.digest] : [] }
}
