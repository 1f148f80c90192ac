/** All corpora, in the order of the tables. */

import { dropped, memory } from './corpora/dropped.ts'
import { large, largeTls } from './corpora/large.ts'
import type { Corpus } from './corpus.ts'

export const corpora: readonly Corpus[] = [large, largeTls, dropped, memory]
