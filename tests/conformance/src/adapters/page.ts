// A page: fetches the settings from its own server and leaves the outcomes in a global.
import { runSuites, type Outcome } from '../suites/case.js'
import { allSuites, type Settings } from '../suites/suites.js'
import { libraries } from './libraries.js'

const settings = (await (await fetch('/settings.json')).json()) as Settings
const outcomes: Outcome[] = await runSuites(allSuites(libraries, settings))
Object.assign(globalThis, { outcomes })
