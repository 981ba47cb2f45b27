-- For wrk: asks for the files 0, 1, ... of the URL's directory at random; their number is its argument.
local directory, count

function init(arguments)
  directory, count = wrk.path:match("(.*/)"), tonumber(arguments[1])
  math.randomseed(os.time())
end

function request()
  return wrk.format("GET", directory .. math.random(0, count - 1))
end
