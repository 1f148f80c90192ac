/** A classic chart as the OCI artifact that `helm push` of Helm 4 makes of it, byte for byte. */

import { CHART_LAYER, PROVENANCE_LAYER } from '../../core/chart.ts'
import type { Descriptor } from '../../core/descriptor.ts'
import { computeDigest, HELM_CONFIG, type Manifest, OCI_MANIFEST } from '../../core/manifest.ts'
import { goJson } from './go-json.ts'
import { byBytes } from './go-yaml.ts'
import type { ChartMetadata } from './metadata.ts'

export interface Artifact {
  readonly manifest: Manifest
  /** The bytes of the config. */
  readonly config: Buffer
}

type Content = Pick<Descriptor, 'digest' | 'size'>

/** `created`: to the second, in UTC; absent: the artifact says nothing of it. */
export function artifactOf(
  metadata: ChartMetadata,
  archive: Content,
  provenance: Content | undefined,
  created: Date | undefined,
): Artifact {
  const config = goJson(metadata)
  const layers = [
    described(CHART_LAYER, archive),
    ...(provenance ? [described(PROVENANCE_LAYER, provenance)] : []),
  ].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const bytes = goJson({
    schemaVersion: 2,
    config: described(HELM_CONFIG, { digest: computeDigest(config), size: config.byteLength }),
    layers,
    annotations: annotationsOf(metadata, created),
  })
  return { manifest: { mediaType: OCI_MANIFEST, digest: computeDigest(bytes), bytes }, config }
}

function described(mediaType: string, { digest, size }: Content): Descriptor {
  return { mediaType, digest, size }
}

const PREFIX = 'org.opencontainers.image.'

/** The chart's own annotations may replace all but its name and version. */
function annotationsOf(metadata: ChartMetadata, created: Date | undefined): Readonly<Record<string, string>> {
  const { name, version, description, home, sources, maintainers = [], annotations = {} } = metadata
  const told: Record<string, string | undefined> = {
    [`${PREFIX}description`]: description,
    [`${PREFIX}url`]: home,
    [`${PREFIX}source`]: sources?.[0],
    [`${PREFIX}authors`]: maintainers.map((one) => `${one.name ?? ''}${one.email ? ` (${one.email})` : ''}`).join(', '),
    [`${PREFIX}created`]: created && `${created.toISOString().slice(0, 19)}Z`,
  }
  const fixed = { [`${PREFIX}title`]: name, [`${PREFIX}version`]: version }
  const all: Record<string, string | undefined> = { ...blankless(told), ...annotations, ...fixed }
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => byBytes(a, b))) as Record<string, string>
}

function blankless(told: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value.trim() !== ''))
}

/** A chart's version as a tag, which cannot hold `+`. */
export function tagOf(version: string): string {
  return version.replaceAll('+', '_')
}
