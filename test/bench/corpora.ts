/** All corpora, in the order of the tables. */

import { dropped, memory } from './corpora/dropped.ts'
import { families, indexed, single, slow, tags } from './corpora/images.ts'
import { large, largeTls } from './corpora/large.ts'
import type { Corpus } from './corpus.ts'

export const corpora: readonly Corpus[] = [single, indexed, tags, slow, families, large, largeTls, dropped, memory]
