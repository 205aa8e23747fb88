// A page: settings come from the server it came from, the outcomes stay in a global for the program that opened it.
import { runSuites, type Outcome } from '../suites/case.js'
import { allSuites, type Settings } from '../suites/suites.js'
import { libraries } from './libraries.js'

const settings = (await (await fetch('/settings.json')).json()) as Settings
const outcomes: Outcome[] = await runSuites(allSuites(libraries, settings))
Object.assign(globalThis, { outcomes })
