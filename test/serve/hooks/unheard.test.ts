/** What is said of policies whose webhooks cannot come. */

import { expect, test } from 'vitest'
import { adapters } from '../../../adapters/index.ts'
import { startHooks } from '../../../src/serve/hooks/hooks.ts'
import { daemonDouble } from '../daemon-double.ts'

const yaml = (secret: string, triggers: string) => `
registries:
  plain: { type: docker-registry, url: "http://127.0.0.1:9"${secret} }
  hub: { type: docker-hub, url: "http://127.0.0.1:9", hook_secret: none }
  charts: { type: helm-http, url: "http://127.0.0.1:9" }
  google: { type: google-gar, url: "http://127.0.0.1:9", options: { hook_service_account: "a@b", hook_audience: c } }
  to: { type: docker-registry, url: "http://127.0.0.1:9" }
policies:
  from-plain: { source: plain/**, destination: to/a, triggers: ${triggers} }
  from-hub: { source: { registry: hub }, destination: to/b, triggers: [{ event: [delete] }] }
  some-from-hub: { source: { registry: hub }, destination: to/c, triggers: [{ event: [push, delete] }] }
  from-charts: { source: { registry: charts }, destination: to/d, triggers: [{ event: [push] }] }
  from-google: { source: { registry: google }, destination: to/e, triggers: [{ event: [push] }] }
  disabled: { source: plain/**, destination: to/f, enabled: false, triggers: [{ event: [push] }] }
  by-hand: { source: plain/**, destination: to/g }
`

test('says at the start, and once after each change, which policies wait in vain', async () => {
  const typeOf: Parameters<typeof daemonDouble>[1] = {
    typeOf: async ({ type }) => adapters.find(({ identity }) => identity === type) ?? Promise.reject(new Error(type)),
  }
  const daemon = await daemonDouble(yaml('', '[{ event: [push] }]'), typeOf)
  const part = await startHooks(daemon)
  const vain = (policy: string, why: string) => `policy ${policy} waits for events in vain: ${why}`
  const first = [
    vain('from-plain', 'registry plain has no `hook_secret`, so its webhooks are refused'),
    vain('from-hub', 'registries of type docker-hub tell of no delete'),
    vain('from-charts', 'registries of type helm-http send no webhooks; `poll` looks for changes'),
  ]
  const said = () => daemon.news.flatMap((one) => (one.type === 'log' ? [one.text] : []))
  expect(said()).toEqual(first)
  await daemon.reload(yaml(', hook_secret: none', '[{ event: [scan] }]'), part)
  const second = [...first, vain('from-plain', 'registries of type docker-registry tell of no scan')]
  await expect.poll(said).toEqual(second)
  await daemon.reload(yaml(', hook_secret: none', '[{ event: [push] }]'), part)
  await daemon.reload(yaml('', '[{ event: [push] }]'), part)
  await expect.poll(said).toEqual([...second, ...first.slice(0, 1)])
  await part.ended()
})
