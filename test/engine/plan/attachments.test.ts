import { expect, test } from 'vitest'
import type { PlanRequest } from '../../../src/engine/plan/comparison.ts'
import type { Artifact } from '../../support/images.ts'
import { image, index } from '../../support/images.ts'
import { endpoint, memoryRegistry, type PolicyFields, planOf, policyOf } from '../setup.ts'

const tagOf = ({ digest }: Artifact, suffix: string): string => `${digest.replace(':', '-')}${suffix}`

const IMAGE = image({ seed: 'v1', size: 10 })
const CHILD = image({ seed: 'child', size: 10 })
const INDEX = index([CHILD])
const GONE = image({ seed: 'gone', size: 10 })

/** `content`: artifacts by tag. */
async function planned(
  content: Readonly<Record<string, Artifact>>,
  fields: PolicyFields = {},
  there = content,
  narrow?: PlanRequest['narrow'],
) {
  const [source, destination] = [await memoryRegistry(), await memoryRegistry()]
  for (const [tag, artifact] of Object.entries(content)) source.add('app', artifact, tag)
  if (there !== content)
    for (const [tag, artifact] of Object.entries(there)) destination.add('mirror/app', artifact, tag)
  const plan = await planOf(policyOf(fields), endpoint('from', source), endpoint('to', destination), { narrow })
  const words = new Map(plan.explanations.map(({ resource, kept, rule }) => [resource, `${kept} ${rule}`]))
  return { ...plan, tags: plan.tasks.map(({ destination: { tag } }) => tag).sort(), words }
}

const signature = (of: string): Artifact => image({ seed: `signature of ${of}`, size: 10 })

test('a tag that hangs on an image that is copied travels with it', async () => {
  const names = ['', '.sig', '.att', '.sbom', '.vex'].map((suffix) => tagOf(IMAGE, suffix))
  const content = { v1: IMAGE, ...Object.fromEntries(names.map((name) => [name, signature(name)])) }
  const { tags, totals, words } = await planned(content)
  expect(tags).toEqual(['v1'])
  expect(totals.left).toEqual(new Map())
  for (const name of names) {
    expect(words.get(`from/app:${name}`)).toBe('true attached to an image that is selected, travels with it')
  }
})

test('so does what hangs on a child of an index, also where the index is there already', async () => {
  const content = { v1: INDEX, [tagOf(CHILD, '.sig')]: signature('child'), [tagOf(INDEX, '.sig')]: signature('index') }
  expect((await planned(content)).tags).toEqual(['v1'])
  const { tags, unchanged } = await planned(content, {}, { v1: INDEX })
  expect([tags, unchanged]).toEqual([[], 1])
})

test('a repository of signatures alone is copied, by whichever filter', async () => {
  const [one, two] = [tagOf(IMAGE, '.sig'), tagOf(GONE, '.sig')]
  const content = { [one]: signature('one'), [two]: signature('two') }
  expect((await planned(content)).tags).toEqual([one, two].sort())
  expect((await planned(content, { filters: { tag: ['sha256-*'] } })).tags).toEqual([one, two].sort())
  expect((await planned(content, { filters: { tag: [one] } })).tags).toEqual([one])
})

test('a tag whose image is not among what is copied is a tag as any other', async () => {
  const loose = tagOf(GONE, '.imgpkg')
  const content = { v1: IMAGE, [loose]: GONE, [tagOf(IMAGE, '.sig')]: signature('v1') }
  expect((await planned(content)).tags).toEqual([loose, 'v1'].sort())
  expect((await planned(content, { filters: { tag: ['sha256-*.imgpkg'] } })).tags).toEqual([loose])
  const { tags, totals, words } = await planned(content, { filters: { tag: ['v*'] } })
  expect(tags).toEqual(['v1'])
  expect(words.get(`from/app:${loose}`)).toBe('false tag: v*')
  expect(totals.left).toEqual(new Map([['tag', 1]]))
})

test('what hangs on an image that a filter leaves out is left out with it, and counted, unless it is selected itself', async () => {
  const content = { v1: IMAGE, v2: CHILD, [tagOf(CHILD, '.sig')]: signature('v2') }
  const { tags, totals } = await planned(content, { filters: { exclude: { tag: ['v2'] } } })
  expect(tags).toEqual(['v1'])
  expect(totals.left).toEqual(
    new Map([
      ['exclude.tag', 1],
      ['attached to an image that is not selected', 1],
    ]),
  )
  const selected = await planned(content, { filters: { tag: ['sha256-*'] } })
  expect(selected.tags).toEqual([tagOf(CHILD, '.sig')])
  const narrowed = await planned(content, {}, content, { tag: ['sha256-*'] })
  expect(narrowed.tags).toEqual([tagOf(CHILD, '.sig')])
})

test('newest counts images, and not what hangs on them', async () => {
  const old = image({ seed: 'v0', size: 10 })
  const content = {
    '1.0': old,
    '2.0': IMAGE,
    [tagOf(IMAGE, '.sig')]: signature('v1'),
    [tagOf(old, '.sig')]: signature('v0'),
  }
  const { tags, words } = await planned(content, { filters: { newest: 1 } })
  expect(tags).toEqual(['2.0'])
  expect(words.get(`from/app:${tagOf(old, '.sig')}`)).toBe('false newest: 1')
})

test('referrers: false leaves behind what hangs on an image, and counts it', async () => {
  const content = { v1: INDEX, [tagOf(INDEX, '.sig')]: signature('index'), [tagOf(CHILD, '.sig')]: signature('child') }
  const { tags, totals } = await planned(content, { referrers: false })
  expect(tags).toEqual(['v1'])
  expect(totals.left).toEqual(new Map([['referrers', 2]]))
})
