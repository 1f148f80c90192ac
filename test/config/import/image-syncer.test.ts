/** image-syncer's files: images, and their credentials beside them or in a file of their own. */

import { describe, expect, test } from 'vitest'
import { copied, imported, loaded, refused, said } from './setup.ts'

const DIGEST = `sha256:${'cd34'.repeat(16)}`

const IMAGES = `
quay.io/org/app: mirror.example.org/org/app
quay.io/org/app:v1,v2: [mirror.example.org/some/app, "other.example.org/app:v1,v2"]
quay.io/org/tool:/^v1\\.[0-9]+$/: mirror.example.org/org/tool
quay.io/org/edge:/edge/: mirror.example.org/org/edge
quay.io/org/app@${DIGEST}: mirror.example.org/org/app
alpine:3: mirror.example.org/base/alpine
redis:7: mirror.example.org/base/redis:seven
nginx: mirror.example.org/base/web
quay.io/org/x: "mirror.example.org/$TEAM/x"
"quay.io/org/x:": mirror.example.org/org/x
`

const AUTH = `
mirror.example.org:
  username: pusher
  password: hunter2-mirror
  insecure: true
quay.io/org:
  username: \${QUAY_USER}
  password: $QUAY_SECRET
quay.io:
  username: reader
  password: hunter2-quay
`
const ENV = { QUAY_USER: 'robot', QUAY_SECRET: 's', QUAY_IO_PASSWORD: 'x', MIRROR_EXAMPLE_ORG_PASSWORD: 'x' }

describe('image-syncer files with every key', () => {
  const result = imported(IMAGES, { from: 'image-syncer', auth: AUTH })

  test('become policies that copy the same images to the same places', () => {
    const configuration = loaded(result, ENV)
    const images = ['org/app:v1', 'org/app:v3', 'org/tool:v1.2', 'org/tool:v1.x', 'org/edge:my-edge', 'org/edge:1']
    expect(copied(configuration, 'quay.io-org', images)).toEqual([
      'org/app:v1 → mirror.example.org/org/app:v1',
      'org/app:v3 → mirror.example.org/org/app:v3',
      'org/app:v1 → mirror.example.org/some/app:v1',
      'org/app:v1 → other.example.org/app:v1',
      'org/tool:v1.2 → mirror.example.org/org/tool:v1.2',
      'org/edge:my-edge → mirror.example.org/org/edge:my-edge',
    ])
    expect(configuration.policies.flatMap(({ filters }) => filters.digest ?? [])).toEqual([DIGEST])
    expect(copied(configuration, 'docker.io', ['library/alpine:3'])).toEqual([
      'library/alpine:3 → mirror.example.org/base/alpine:3',
    ])
  })

  test('have the credential of the longest part of the name, and no secret', () => {
    const { registries } = loaded(result, ENV)
    expect(registries.get('quay.io-org')).toMatchObject({
      url: 'https://quay.io',
      credential: { username: 'robot', password: 's' },
    })
    expect(registries.get('mirror.example.org')).toMatchObject({ insecure: true, credential: { username: 'pusher' } })
    expect(JSON.stringify(result)).not.toContain('hunter2')
  })

  test('are told what could not be taken over, with the command that does it', () => {
    const left = said(result).filter((line) => !/secret stays|signatures|certificate/.test(line))
    expect(left).toEqual([
      expect.stringMatching(
        /^8:10 tags change their names.*replicate copy docker\.io\/library\/redis:7 mirror\.example\.org\/base\/redis:seven\]/,
      ),
      expect.stringMatching(/^9:8 library\/nginx would become base\/web/),
      expect.stringMatching(/^10:16 `mirror\.example\.org\/\$TEAM\/x` does not name where images go/),
      expect.stringMatching(/^11:19 `quay\.io\/org\/x:` does not name images/),
    ])
  })
})

test('an older file has both in one, as JSON, too', () => {
  const text = JSON.stringify(
    {
      auth: { 'a.example.org': { username: 'u', password: 'hunter2' } },
      images: { 'a.example.org/x/y': 'b.example.org/x/y' },
    },
    undefined,
    '\t',
  )
  const result = imported(text, { from: 'image-syncer' })
  expect(copied(loaded(result, { A_EXAMPLE_ORG_PASSWORD: 'p' }), 'a.example.org', ['x/y:1'])).toEqual([
    'x/y:1 → b.example.org/x/y:1',
  ])
  expect(JSON.stringify(result)).not.toContain('hunter2')
})

test.each([
  [AUTH, '1:1 these are the credentials of image-syncer, not its images'],
  ['quay.io/a/b: {c: d}', '1:14 this is not a file of image-syncer'],
  ['- a', '1:1 this is not a file of image-syncer'],
])('a file of another form is refused at its place: %s', (text, expected) => {
  expect(refused(text, { from: 'image-syncer' })[0]).toContain(expected)
})
