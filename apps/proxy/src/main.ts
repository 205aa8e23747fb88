import { contextOf, runProgram } from '@nomyo-internal/command-line'
import { installCrashHandler } from '@nomyo-internal/http-server'
import { version } from '../package.json'
import { proxyCommand } from './command.js'

const NAME = 'nomyo-proxy'

installCrashHandler((message) => void process.stderr.write(`${NAME}: ${message}\n`))
process.exitCode = await runProgram(
  { name: NAME, version, command: proxyCommand },
  process.argv.slice(2),
  contextOf(process),
)
