/** A daemon sees what is at its registries now, not what was there when it first looked. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { chart, entryOf, indexOf, type TestChart } from '../support/charts.ts'
import { serving } from './serving.ts'

/** A chart repository of plain files. */
async function charts() {
  const held: TestChart[] = []
  const server = createServer(({ url }, response) => {
    const one = held.find(({ file }) => url === `/${file}`)
    if (url === '/index.yaml') response.end(indexOf(held.map((each) => entryOf(each))))
    else if (one) response.end(one.archive)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { held, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test.each(['schedule: "* * * * * *"', 'poll: 1s'])(
  'a chart that is added to a repository is found by `%s`',
  async (trigger) => {
    const { held, url } = await charts()
    const { user, destination, yaml, start } = await serving()
    held.push(chart('web', '1.0.0'))
    user.write(
      'serve.yaml',
      yaml(`  charts:
    source: {registry: helm}
    destination: {registry: to, namespace: charts}
    triggers: [{${trigger}}]
`).replace('policies:', `  helm: {type: helm-http, url: '${url}'}\npolicies:`),
    )
    await start()
    const tags = (): readonly string[] => [...(destination.repositories.get('charts/web')?.tags.keys() ?? [])].sort()
    await until('the first chart is there', () => tags().includes('1.0.0'))
    held.push(chart('web', '1.1.0'))
    await until('the second chart is there', () => tags().includes('1.1.0'))
    expect(tags()).toEqual(['1.0.0', '1.1.0'])
  },
)
