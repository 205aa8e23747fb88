import { EXIT, command, type Command } from '../commands/command.js'
import { UsageError } from '../options/usage-error.js'
import { bashCompletion } from './bash.js'
import { fishCompletion } from './fish.js'
import { completedWords, type CompletedCommand } from './words.js'
import { zshCompletion } from './zsh.js'

const SHELLS = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
])

const formatJson = (_program: string, commands: readonly CompletedCommand[]): string =>
  JSON.stringify(commands, undefined, 2)

/**
 * Defines the command `completion SHELL`, which prints a script made from the commands of a program.
 *
 * @param root - gives the outermost command, of which this one is a part
 */
export function completionCommand(program: string, root: () => Command): Command {
  const shells = [...SHELLS.keys()]
  return command({
    summary: `print the completion script of a shell: ${shells.join(', ')}`,
    operands: { usage: 'SHELL', words: shells },
    options: { json: { summary: 'print the words to complete as JSON' } },
    notes: [
      'Installation',
      [
        `  bash   ${program} completion bash >`,
        `         ~/.local/share/bash-completion/completions/${program}`,
        `  zsh    ${program} completion zsh > a folder of $fpath/_${program}`,
        `  fish   ${program} completion fish > ~/.config/fish/completions/${program}.fish`,
      ].join('\n'),
    ],
    run: async ({ operands: [shell], settings, context }) => {
      const render = settings.values.json ? formatJson : SHELLS.get(shell ?? '')
      if (render === undefined) throw new UsageError(`name a shell: ${shells.join(', ')}`)
      context.stdout.write(`${render(program, await completedWords(root()))}\n`)
      return EXIT.ok
    },
  })
}
