/** `replicate completion` and its options, and the hidden command that the scripts call. */

import { Argument, type Command } from 'commander'
import type { Shell } from '../commands/completion/completion.ts'
import { example, type Start } from './command.ts'

export function addCompletion(program: Command, start: Start): void {
  const load = () => import('../commands/completion/completion.ts')
  const completion: Command = program
    .command('completion')
    .description('print what makes a shell complete commands, options and names')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: Shell) => start(completion)(async (session) => (await load()).completion(session, shell)))
  example(
    completion,
    'replicate completion bash > ~/.local/share/bash-completion/completions/replicate',
    `replicate completion zsh > "\${fpath[1]}/_replicate"`,
    'replicate completion fish > ~/.config/fish/completions/replicate.fish',
    'source <(replicate completion bash)   # only for this shell; zsh does the same',
  )
  const answer: Command = program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[]) => start(answer)(async (session) => (await load()).answer(session, program, words)))
}
