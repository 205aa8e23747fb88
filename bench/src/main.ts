import { contextOf, runProgram } from '@nomyo-internal/command-line'
import { version } from '../package.json'
import { benchCommand } from './command.js'

const program = { name: 'bench', version, command: benchCommand }
process.exitCode = await runProgram(program, process.argv.slice(2), contextOf(process))
