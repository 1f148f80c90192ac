/** Converts another tool's file into a configuration, and reports what could not be converted. */

import type { AdapterFacts } from '../../core/adapter.ts'
import { ConfigurationError } from '../../core/errors.ts'
import type { ConfigurationFile } from '../source.ts'
import { importChartmuseum } from './charts/chartmuseum.ts'
import { importChartsSyncer } from './charts/charts-syncer.ts'
import { importFluxMirror } from './charts/flux-mirror.ts'
import { Draft } from './draft.ts'
import { importDregsy } from './dregsy/dregsy.ts'
import { importHarbor } from './harbor/harbor.ts'
import { importImageSyncer } from './image-syncer.ts'
import { importRegsync } from './regsync/regsync.ts'
import { importSkopeo } from './skopeo.ts'
import { type Written, writeDraft } from './write.ts'

export type Format =
  | 'regsync'
  | 'skopeo'
  | 'image-syncer'
  | 'dregsy'
  | 'harbor'
  | 'flux-mirror'
  | 'charts-syncer'
  | 'chartmuseum'

export interface ImportRequest {
  readonly from: Format
  readonly file: ConfigurationFile
  /** Of skopeo and ChartMuseum, whose files do not say: `REGISTRY[/NAMESPACE]`. */
  readonly to?: string
  /** Of skopeo: repositories keep their whole names, below that of their registry. */
  readonly scoped?: boolean
  /** Of image-syncer: the file with its credentials. */
  readonly auth?: ConfigurationFile
}

export interface ImportOptions {
  readonly cwd: string
  /** The adapters that exist. */
  readonly types: readonly AdapterFacts[]
}

/** Throws a `ConfigurationError` with the place where the file is not of that format. */
export function importConfiguration(request: ImportRequest, { cwd, types }: ImportOptions): Written {
  checkOptions(request)
  const draft = new Draft(types)
  fill(request, draft, cwd)
  return writeDraft(draft, { title: `Made from a file of ${request.from} by \`replicate config import\`.`, cwd, types })
}

function fill({ from, file, to, scoped = false, auth }: ImportRequest, draft: Draft, cwd: string): void {
  if (from === 'regsync') importRegsync(file, draft, cwd)
  else if (from === 'skopeo') importSkopeo(file, { to, scoped }, draft, cwd)
  else if (from === 'image-syncer') importImageSyncer(file, auth, draft, cwd)
  else if (from === 'dregsy') importDregsy(file, draft, cwd)
  else if (from === 'flux-mirror') importFluxMirror(file, draft, cwd)
  else if (from === 'charts-syncer') importChartsSyncer(file, draft, cwd)
  else if (from === 'chartmuseum') importChartmuseum(file, to, draft, cwd)
  else importHarbor(file, draft, cwd)
}

/** An option of another format would be without effect. */
function checkOptions({ from, to, scoped, auth }: ImportRequest): void {
  const wrong = [
    from !== 'skopeo' && from !== 'chartmuseum' && to !== undefined ? '--to' : undefined,
    from !== 'skopeo' && scoped ? '--scoped' : undefined,
    from !== 'image-syncer' && auth ? '--auth' : undefined,
  ].find((option) => option !== undefined)
  if (wrong !== undefined) throw new ConfigurationError(`${wrong} means nothing with --from ${from}`)
}
