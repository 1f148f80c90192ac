/** Plans as people read them. */

import { expect, test } from 'vitest'
import type { PlannedAction, PolicyPlan } from '../../../src/app/app.ts'
import { colorsFor } from '../../../src/cli/render/colors.ts'
import { renderPlan as pieces } from '../../../src/cli/render/plan.ts'

const MiB = 1024 * 1024
const plain = colorsFor(false)
const previous = `sha256:9f31c2${'0'.repeat(58)}`

const nothing: PlannedAction = {
  action: 'copy',
  resource_type: 'image',
  source: '',
  destination: '',
  digest: null,
  previous_digest: null,
  bytes: null,
  bytes_to_copy: null,
  layers: null,
  layers_to_copy: null,
  platforms: [],
  referrers: null,
  reason: null,
  hint: null,
  named_by: null,
}

const actions: readonly PlannedAction[] = [
  {
    ...nothing,
    source: 'hub/library/alpine:3.20',
    destination: 'harbor/mirror/alpine:3.20',
    bytes_to_copy: 3.4 * MiB,
    layers: 4,
    layers_to_copy: 3,
    platforms: ['linux/amd64', 'linux/arm64'],
  },
  {
    ...nothing,
    action: 'update',
    source: 'hub/library/redis:7',
    destination: 'harbor/mirror/redis:7',
    previous_digest: previous,
    bytes_to_copy: 12.1 * MiB,
    layers: 8,
    layers_to_copy: 2,
  },
  {
    ...nothing,
    action: 'keep',
    source: 'hub/library/redis:6',
    destination: 'harbor/mirror/redis:6',
    reason: 'differs, kept (override: false)',
  },
  {
    ...nothing,
    action: 'delete',
    source: 'hub/library/redis:5',
    destination: 'harbor/mirror/redis:5',
    reason: 'gone from the source (deletion: mirror)',
  },
]

function renderPlan(...plan: Parameters<typeof pieces>): string {
  return [...pieces(...plan)].join('')
}

const plan: PolicyPlan = {
  policy: 'base-images',
  source: 'hub',
  destination: 'harbor/mirror',
  actions,
  unchanged: 58,
  seen: 61,
  left_behind: {},
  explanations: [],
  warnings: [],
  tasks: [],
}

test('a plan shows each action, what is unchanged, and the totals', () => {
  expect(renderPlan(plan, plain)).toBe(`base-images  hub → harbor/mirror
  + library/alpine:3.20 → mirror/alpine:3.20     3.4 MiB in 3 of 4 layers   linux/amd64, linux/arm64
  ~ library/redis:7     → mirror/redis:7        12.1 MiB in 2 of 8 layers   was sha256:9f31c2
  ! library/redis:6     → mirror/redis:6        differs, kept (override: false)
  - mirror/redis:5                              gone from the source (deletion: mirror)
  = 58 tags unchanged
1 to add, 1 to change, 1 to delete, 1 kept, 58 unchanged; 15.5 MiB to copy
`)
})

test('a plan says what travels with an image', () => {
  const [first] = actions
  const one = { ...first, referrers: 1 } as PlannedAction
  const two = { ...one, source: 'hub/b:1', destination: 'harbor/mirror/b:1', platforms: [], referrers: 2 }
  expect(renderPlan({ ...plan, actions: [one, two], unchanged: 0 }, plain)).toBe(`base-images  hub → harbor/mirror
  + library/alpine:3.20 → mirror/alpine:3.20    3.4 MiB in 3 of 4 layers   linux/amd64, linux/arm64   + 1 referrer
  + b:1                 → mirror/b:1            3.4 MiB in 3 of 4 layers   + 2 referrers
2 to add; 6.8 MiB to copy
`)
})

test('a shallow plan has no sizes', () => {
  const shallow = actions.map((action) => ({ ...action, bytes_to_copy: null, layers: null, layers_to_copy: null }))
  expect(
    renderPlan({ ...plan, actions: shallow.slice(0, 2), unchanged: 0 }, plain),
  ).toBe(`base-images  hub → harbor/mirror
  + library/alpine:3.20 → mirror/alpine:3.20    linux/amd64, linux/arm64
  ~ library/redis:7     → mirror/redis:7        was sha256:9f31c2
1 to add, 1 to change
`)
})

test('a layout’s path stands in the heading, whole, and not in the rows', () => {
  const rows = [{ ...nothing, source: 'oci:/srv/out/app:1', destination: 'tar:/tmp/x.tar/app:1' }]
  const text = renderPlan({ ...plan, source: 'oci:/srv/out', destination: 'tar:/tmp/x.tar', actions: rows }, plain)
  expect(text).toMatch(/^base-images {2}oci:\/srv\/out → tar:\/tmp\/x.tar\n {2}\+ app:1 → app:1\n/)
})

test('a plan without work says so', () => {
  expect(renderPlan({ ...plan, actions: [] }, plain)).toBe(`base-images  hub → harbor/mirror
  = 58 tags unchanged
nothing to do: 58 unchanged
`)
})

test('what is blocked shows why and what to do', () => {
  const blocked: PlannedAction = {
    ...nothing,
    action: 'blocked',
    source: 'hub/a/b/c:1',
    destination: 'harbor/a/b/c:1',
    reason: 'the name is too deep',
    hint: 'set flatten: 2',
  }
  expect(renderPlan({ ...plan, actions: [blocked], unchanged: 0 }, plain)).toBe(`base-images  hub → harbor/mirror
  ✗ a/b/c:1 → a/b/c:1    the name is too deep
    set flatten: 2
1 blocked
`)
})

test('every tag seen is explained where it was asked for', () => {
  const explanations = [
    { resource: 'hub/library/alpine:3.20', kept: true, rule: 'tag: 3.*' },
    { resource: 'hub/library/alpine:edge', kept: false, rule: 'tag: 3.*' },
  ]
  const text = renderPlan({ ...plan, actions: [], unchanged: 0, explanations }, plain)
  expect(text).toContain('  kept    hub/library/alpine:3.20  tag: 3.*\n  dropped hub/library/alpine:edge  tag: 3.*\n')
})

test('a plan may have more actions than a function takes arguments', () => {
  const many = Array.from({ length: 200_000 }, (_, at) => ({
    ...nothing,
    source: 'hub/a',
    destination: `harbor/a:${at}`,
  }))
  const text = renderPlan({ ...plan, actions: many }, plain)
  expect(text).toContain('200000 to add')
})

const long: readonly PlannedAction[] = ['alpine:1.0', 'television/application:2.0-rc1'].map((name) => ({
  ...nothing,
  source: `hub/library/${name}`,
  destination: `harbor/mirror/${name}`,
  bytes_to_copy: 3.4 * MiB,
  layers: 4,
  layers_to_copy: 3,
  platforms: ['linux/amd64', 'linux/arm64'],
}))

test('platforms that all copies have are named once', () => {
  expect(renderPlan({ ...plan, actions: long, unchanged: 0 }, plain)).toBe(`base-images  hub → harbor/mirror
  + library/alpine:1.0                     → mirror/alpine:1.0                        3.4 MiB in 3 of 4 layers
  + library/television/application:2.0-rc1 → mirror/television/application:2.0-rc1    3.4 MiB in 3 of 4 layers
  each for linux/amd64, linux/arm64
2 to add; 6.8 MiB to copy
`)
})

test('a terminal that is too narrow costs the layers, then a line of its own for the sizes, and no part of a name', () => {
  const one = { ...plan, actions: long, unchanged: 0 }
  expect(renderPlan(one, plain, 100)).toBe(`base-images  hub → harbor/mirror
  + library/alpine:1.0                     → mirror/alpine:1.0                        3.4 MiB
  + library/television/application:2.0-rc1 → mirror/television/application:2.0-rc1    3.4 MiB
  each for linux/amd64, linux/arm64
2 to add; 6.8 MiB to copy
`)
  expect(renderPlan(one, plain, 60)).toBe(`base-images  hub → harbor/mirror
  + library/alpine:1.0 → mirror/alpine:1.0
      3.4 MiB in 3 of 4 layers
  + library/television/application:2.0-rc1
    → mirror/television/application:2.0-rc1
      3.4 MiB in 3 of 4 layers
  each for linux/amd64, linux/arm64
2 to add; 6.8 MiB to copy
`)
})

test('a plan of every kind of action fits every width', () => {
  const blocked = { ...nothing, action: 'blocked' as const, source: 'hub/a:1', destination: 'harbor/mirror/a:1' }
  const reason = 'this is a long reason that goes on and on until no terminal can show it on one line any more'
  const all = [...actions, { ...blocked, reason, hint: reason }]
  for (const columns of [60, 80, 100, 200]) {
    for (const line of renderPlan({ ...plan, actions: all }, plain, columns).split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(columns)
    }
  }
})

test('images stand below the chart that names them, also where that is unchanged', () => {
  const chart = {
    ...nothing,
    resource_type: 'chart',
    source: 'charts/shop:1.0.0',
    destination: 'to/shop:1.0.0',
  } as const
  const image = (name: string, named_by: string): PlannedAction => ({
    ...nothing,
    source: `quay.io/${name}`,
    destination: `to/${name}`,
    platforms: ['linux/amd64'],
    named_by,
  })
  const plan: PolicyPlan = {
    policy: 'p',
    source: 'charts',
    destination: 'to',
    actions: [
      chart,
      image('a/app:1', 'charts/shop:1.0.0'),
      image('a/side:1', 'charts/shop:1.0.0'),
      image('a/old:1', 'charts/shop:0.9.0'),
    ],
    unchanged: 1,
    seen: 2,
    explanations: [],
    left_behind: {},
    warnings: [],
    tasks: [],
  }
  expect([...pieces(plan, plain)].join('')).toBe(`p  charts → to
  + shop:1.0.0         → shop:1.0.0
  +   quay.io/a/app:1  → a/app:1
  +   quay.io/a/side:1 → a/side:1
  = shop:0.9.0 is unchanged, its images are not
  +   quay.io/a/old:1  → a/old:1
  = 1 tag unchanged
  each for linux/amd64
4 to add, 1 unchanged
`)
})
