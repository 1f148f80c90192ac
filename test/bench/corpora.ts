/** All corpora, in the order of the tables. */

import { bandwidth } from './corpora/bandwidth.ts'
import { broken, killed } from './corpora/broken.ts'
import { chartsCopied } from './corpora/charts/copied.ts'
import { charts } from './corpora/charts/unchanged.ts'
import { dropped, memory } from './corpora/dropped.ts'
import { gatewayClients } from './corpora/gateway/clients.ts'
import { gatewayManifests } from './corpora/gateway/manifests.ts'
import { gatewayPulls } from './corpora/gateway/pulls.ts'
import { history } from './corpora/history.ts'
import { hooks } from './corpora/hooks.ts'
import { families, indexed, single, slow, tags } from './corpora/images.ts'
import { large, largeTls } from './corpora/large.ts'
import { page } from './corpora/page/page.ts'
import { planned } from './corpora/planned.ts'
import { start } from './corpora/start.ts'
import { workers, workersKilled, workersMany, workersSmall } from './corpora/workers/workers.ts'
import type { Corpus } from './corpus.ts'

export const corpora: readonly Corpus[] = [
  single,
  indexed,
  tags,
  slow,
  families,
  large,
  largeTls,
  dropped,
  memory,
  broken,
  killed,
  bandwidth,
  planned,
  start,
  history,
  charts,
  chartsCopied,
  hooks,
  gatewayPulls,
  gatewayClients,
  gatewayManifests,
  page,
  workers,
  workersSmall,
  workersKilled,
  workersMany,
]
