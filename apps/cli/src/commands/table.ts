import { chatCommand } from '../chat/chat-command.js'
import type { Command } from '../command.js'
import { completionCommand } from '../completion/completion-command.js'
import { doctorCommand } from '../doctor/doctor-command.js'
import { keysCommand } from '../keys/keys-command.js'
import { serversCommand } from '../servers/servers-command.js'
import { shortcut } from '../shortcut.js'
import { attestCommand } from './attest.js'
import { demoCommand } from './demo.js'

/** Every command by its name: what is run, what the help texts say and what shells complete. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  chat: chatCommand,
  doctor: doctorCommand,
  servers: serversCommand,
  keys: keysCommand,
  attest: attestCommand,
  demo: demoCommand,
  gateway: shortcut('@nomyo/gateway', 'runs the gateway: all its options'),
  proxy: shortcut('@nomyo/proxy', 'runs the local proxy: all its options'),
  completion: completionCommand(() => COMMANDS),
}
