import type { Command } from '../command.js'
import { EXIT, UsageError } from '../exit-codes.js'
import { jsonText } from '../output.js'
import { bashCompletion } from './bash.js'
import { fishCompletion } from './fish.js'
import { completedWords } from './words.js'
import { zshCompletion } from './zsh.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** `nomyo completion SHELL`: a script for it, made from the table of commands. */
export function completionCommand(commands: () => Readonly<Record<string, Command>>): Command {
  return {
    about: 'prints the completion script of a shell',
    operands: SHELLS.join('|'),
    maxOperands: 1,
    operandWords: SHELLS,
    options: { json: { about: 'what there is to complete, for programs' } },
    notes: [
      '  bash   nomyo completion bash > ~/.local/share/bash-completion/completions/nomyo',
      '  zsh    nomyo completion zsh > a folder of $fpath/_nomyo',
      '  fish   nomyo completion fish > ~/.config/fish/completions/nomyo.fish',
    ],
    run: ({ output }, args) => {
      const words = completedWords(commands())
      const [shell] = args.operands
      if (args.flag('json')) output.line(jsonText(words))
      else if (shell === 'bash') output.line(bashCompletion(words))
      else if (shell === 'zsh') output.line(zshCompletion(words))
      else if (shell === 'fish') output.line(fishCompletion(words))
      else throw new UsageError(`name a shell: ${SHELLS.join(', ')}`)
      return Promise.resolve(EXIT.ok)
    },
  }
}
