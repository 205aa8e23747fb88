import { contextOf, runProgram } from '@nomyo-internal/command-line'
import { installCrashHandler } from '@nomyo-internal/http-server'
import { program } from './commands/program.js'
import { loggerOf } from './observability/log.js'

const logger = loggerOf(process.stderr)
installCrashHandler((message) => {
  logger.warn(message)
})
const exitCode = await runProgram(program, process.argv.slice(2), contextOf(process))
// A check that timed out may keep the process alive.
if (process.argv[2] === 'doctor') process.stdout.write('', () => process.exit(exitCode))
else process.exitCode = exitCode
