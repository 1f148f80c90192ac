/** The file that `config init` writes: valid as it stands, and so is everything that it only mentions. */

import { expect, test } from 'vitest'
import { initialConfiguration } from '../../src/config/init.ts'
import { load } from './setup.ts'

const text = initialConfiguration()
const env = { MIRROR_PASSWORD: 'secret', SLACK_WEBHOOK: 'https://hooks.slack.com/services/x' }

test('is valid as it stands, in an environment without anything', () => {
  const { policies, registries } = load(text)
  expect(policies.map(({ name }) => name)).toEqual(['alpine'])
  expect([...registries.keys()]).toEqual(['mirror'])
})

test('is valid with everything in it that is commented out', () => {
  // What is to be taken as YAML is indented like what stands around it; prose begins with a capital letter.
  const whole = text.replaceAll(/^( +)# ((?![A-Z]).*)$/gm, '$1$2')
  const { policies, registries } = load(whole, { env })
  expect(registries.get('mirror')).toMatchObject({ credential: { type: 'basic' }, limits: { connections: 16 } })
  expect(policies.map(({ name }) => name)).toEqual(['alpine', 'base-images'])
  expect(policies[1]).toMatchObject({
    filters: { newest: 5, platforms: ['linux/amd64', 'linux/arm64'], exclude: { tag: ['*-rc*'] } },
    triggers: [{ schedule: '0 2 * * *', timezone: 'Europe/Berlin' }],
    notify: [{ on: ['failed'] }],
  })
})

test('fits a terminal', () => {
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
})
