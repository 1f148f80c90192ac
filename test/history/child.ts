/** A process of its own that works on a history: `child.ts DIRECTORY hold|begin|write`. Prints one line of JSON when it is done. */

import type { TaskSpec } from '../../src/core/plan.ts'
import { openHistory } from '../../src/history/history.ts'

const [directory = '', what] = process.argv.slice(2)
const history = await openHistory(directory)

if (what === 'write') {
  const begun = history.executions.begin({
    policy: `p${process.pid}`,
    snapshot: '{}',
    trigger: 'manual',
    lock: `p${process.pid}`,
  })
  if (!('id' in begun)) throw new Error('the lock of a new policy was taken')
  const location = { registry: 'hub', repository: 'library/alpine', tag: '3.20' }
  const spec: TaskSpec = { action: 'copy', resource_type: 'image', source: location, destination: location }
  for (let round = 0; round < 50; round++) {
    history.tasks.add(begun.id, [spec, spec])
    for (const task of history.tasks.takePending(begun.id, 2, Date.now())) history.tasks.finish(task.id, 'succeeded')
  }
  print(history.executions.finish(begun.id))
  history.locks.release(begun.id)
} else {
  // Those who race begin at the same moment, not when each has started.
  if (what === 'begin') await new Promise((resolve) => process.stdin.once('data', resolve).resume())
  const begun = history.executions.begin({ policy: 'base', snapshot: '{}', trigger: 'manual', lock: 'base' })
  if (what === 'hold' && 'id' in begun) {
    const location = { registry: 'hub', repository: 'library/alpine', tag: '3.20' }
    history.tasks.add(begun.id, [{ action: 'copy', resource_type: 'image', source: location, destination: location }])
    history.executions.move(begun.id, 'in_progress')
    history.tasks.takePending(begun.id, 1, Date.now())
  }
  print(begun)
  // Keeps the lock until it is killed.
  setInterval(() => {}, 1000)
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
