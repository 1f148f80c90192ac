/** Images as people have them: one, one of two platforms with a referrer, fifty tags and ten repositories that share layers. */

import { descriptorOf } from '../../../src/core/manifest.ts'
import { type Artifact, image, index, referrer } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { seed } from '../../support/seed.ts'
import { compare } from '../compare.ts'
import type { Bench, Corpus } from '../corpus.ts'

const KIB = 1024
const MIB = 1024 * KIB

export const single: Corpus = {
  name: 'single',
  title: 'One image of 5 layers',
  run: async (bench) => [
    await compare(
      {
        title: single.title,
        seed: async (url) => void (await seed(url, 'bench/single', 'v1', image({ layers: 5, size: 100 * KIB }))),
        repositories: [{ name: 'bench/single', tags: ['v1'] }],
      },
      bench,
    ),
  ],
}

export const indexed: Corpus = {
  name: 'index',
  title: 'An index of 2 platforms with a referrer',
  run: async (bench) => [
    await compare(
      {
        title: indexed.title,
        async seed(url) {
          const platforms = ['amd64', 'arm64'].map((architecture) =>
            image({ layers: 5, size: 100 * KIB, seed: architecture, platform: { os: 'linux', architecture } }),
          )
          const whole = await seed(url, 'bench/index', 'v1', index(platforms))
          // Where there is no API for referrers, they are listed under a tag.
          const sbom = await seed(url, 'bench/index', undefined, referrer(descriptorOf(whole)))
          await seed(url, 'bench/index', whole.digest.replace(':', '-'), index([sbom]))
        },
        repositories: [{ name: 'bench/index', tags: ['v1'] }],
      },
      bench,
    ),
  ],
}

export const tags: Corpus = {
  name: 'tags',
  title: '50 tags with 3 shared layers',
  run: (bench) => fiftyTags(bench, {}),
}

export const slow: Corpus = {
  name: 'slow',
  title: '50 tags with 3 shared layers, 30 ms added to each request',
  run: (bench) => fiftyTags(bench, { delay: 30 }),
}

export const families: Corpus = {
  name: 'families',
  title: '10 repositories that share 24 MB of layers (34 MB in all)',
  async run(bench) {
    const base = baseLayers(3, 8 * MIB)
    const names = Array.from({ length: 10 }, (_, at) => `bench/family-${at}`)
    const built = names.map((name) => image({ base, layers: 1, size: MIB, seed: name }))
    const plan = {
      title: families.title,
      seed: (url: string) => seedAll(url, names, built),
      repositories: names.map((name) => ({ name, tags: ['v1'] })),
    }
    return [await compare(plan, bench)]
  },
}

async function fiftyTags(bench: Bench, options: { readonly delay?: number }) {
  const count = bench.quick ? 10 : 50
  const base = baseLayers(3, 100 * KIB)
  const names = Array.from({ length: count }, (_, at) => `v${at}`)
  const title = `${count} tags with 3 shared layers${options.delay ? `, ${options.delay} ms added to each request` : ''}`
  const plan = {
    title,
    async seed(url: string) {
      for (const tag of names) await seed(url, 'bench/tags', tag, image({ base, layers: 1, size: 20 * KIB, seed: tag }))
    },
    repositories: [{ name: 'bench/tags', tags: names }],
    // One at a time: minutes that say nothing.
    without: options.delay ? ['regctl', 'regsync', 'skopeo', 'oras'] : ['oras'],
    ...options,
  }
  return [await compare(plan, bench)]
}

function baseLayers(count: number, size: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, at) => randomBytes(size, `base ${at}`))
}

async function seedAll(url: string, names: readonly string[], built: readonly Artifact[]): Promise<void> {
  for (const [at, name] of names.entries()) {
    const artifact = built[at]
    if (artifact) await seed(url, name, 'v1', artifact)
  }
}
