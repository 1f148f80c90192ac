/** The questions that a guide shows are asked, and answered as it shows. */

import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { hasScreen, onScreen } from '../e2e/terminal.ts'
import { missingPrograms, startSecretService } from '../support/secret-service.ts'
import { readGuide } from './blocks.ts'
import { answerAsShown } from './dialog.ts'
import { isShown } from './steady.ts'
import { startWorld } from './world.ts'

const { blocks } = readGuide(join(import.meta.dirname, '..', '..', 'examples', 'README.md'))
const commands = blocks.filter(({ asks }) => asks).flatMap((block) => block.commands)

test.runIf(hasScreen && missingPrograms().length === 0)(
  'the first steps are asked as the guide shows them',
  async () => {
    const [world, service] = [await startWorld(), await startSecretService()]
    onTestFinished(async () => {
      await service.stop()
      await world.close()
    })
    const here = program({ TERM: 'xterm', LANG: 'C.UTF-8', ...world.env, ...service.env })
    const settings = join(here.directory, 'nothing')
    // The reader adds the second registry as the first.
    const mirror = ['registries', 'add', 'mirror', '--url', 'https://mirror.example.com', '--username', 'bob']
    expect(await here.run([...mirror, '--password-stdin'], { stdin: 'to' })).toMatchObject({ code: 0 })
    const wrong: object[] = []
    for (const { line, output } of commands) {
      const on = onScreen(here, line.split(' ').slice(1), { columns: 120, rows: 40 })
      await answerAsShown(on, output.replaceAll('~/.config', settings), 'from')
      expect((await on.ended).code, on.screen.lines.join('\n')).toBe(0)
      const said = on.screen.lines.join('\n').replaceAll(settings, '~/.config')
      if (output !== '' && !isShown(output, said)) wrong.push({ line, said })
    }
    expect(wrong).toEqual([])
  },
)
