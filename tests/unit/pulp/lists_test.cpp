#include <sstream>

#include "fixture.h"

namespace hubcache::pulp {
namespace {

const std::string kPublications = "/pulp/api/v3/publications/hugging_face/hugging-face/";
const std::string kContent = "/pulp/api/v3/content/hugging_face/hugging-face/";

class ListTest : public PulpTest {
 protected:
  ListTest() {
    make_remote("k-aa", R"(,"pulp_labels":{"env":"prod","tier":"1"})");
    make_remote("k-ab", R"(,"policy":"streamed","pulp_labels":{"env":"test"})");
    make_remote("k-ba", R"(,"pulp_labels":{"comma":"x,y","empty":""})");
    make_remote("k-BB");
  }
  /// The href of a new task.
  std::string make_task() {
    return ask("PATCH", make_remote("k-made"), R"({"rate_limit":7})").body["task"];
  }
  std::string names(const std::string& query) {
    const auto answer = ask("GET", kRemotes + "?name__startswith=k-" + query);
    if (answer.status != 200) return answer.text;
    std::string list;
    for (const auto& row : answer.body["results"]) list += row["name"].get<std::string>() + " ";
    return list;
  }
};

TEST_F(ListTest, TheNewestComesFirst) { EXPECT_EQ(names(""), "k-BB k-ba k-ab k-aa "); }

TEST_F(ListTest, NamesAreFilteredInManyWays) {
  EXPECT_EQ(names("&name=k-aa"), "k-aa ");
  EXPECT_EQ(names("&name__iexact=K-bb"), "k-BB ");
  EXPECT_EQ(names("&name__in=k-aa,k-ba"), "k-ba k-aa ");
  EXPECT_EQ(names("&name__contains=-a"), "k-ab k-aa ");
  EXPECT_EQ(names("&name__icontains=-B"), "k-BB k-ba ");
  EXPECT_EQ(names("&name__iregex=%5Ek-B"), "k-BB k-ba ");
  EXPECT_EQ(names("&name__regex=a$"), "k-ba k-aa ");
  EXPECT_EQ(names("&name="), "k-BB k-ba k-ab k-aa ");
  EXPECT_EQ(names("&name=k-aa&name=k-ab"), "k-ab ");
  EXPECT_EQ(names("&name=%20k-aa%20"), "k-aa ");
  EXPECT_EQ(names("&name__in=k-aa,%20k-ba"), "k-ba k-aa ");
  EXPECT_EQ(names("&name__contains=a%00"),
            R"({"name__contains":["Null characters are not allowed."]})");
}

TEST_F(ListTest, AListHasThoseThatTheSameFiltersLeaveOneByOne) {
  const auto all = ask("GET", kRemotes).body["results"];
  const auto id = id_of(all[1]["pulp_href"]);
  const std::string time = all[2]["pulp_last_updated"];
  std::string queries =
      "name=k-aa name__in=k-aa,k-BB name__iexact=K-bb name__contains=a name__icontains=b "
      "name__startswith=k-a name__istartswith=K-B name__contains=%27 name__contains=%22%5C "
      "pulp_label_select=env pulp_label_select=!env pulp_label_select=env!=prod "
      "pulp_label_select=env~RO,tier pulp_label_select=comma=x%5C,y pulp_label_select=empty~ "
      "q=NOT%20name=k-aa q=name=k-aa%20OR%20name=k-ab "
      "q=NOT%20(name__contains=a%20AND%20NOT%20pulp_label_select=env) q=name__regex=%22a$%22 ";
  for (const std::string lookup : {"", "__lt", "__lte", "__gt", "__gte"}) {
    queries += "pulp_last_updated" + lookup + "=" + time + " ";
  }
  queries += "pulp_last_updated__range=" + time + "," + time + " pulp_last_updated__isnull=true ";
  queries += "pulp_last_updated__isnull=false pulp_id__in=" + id + "," + kZero;
  std::istringstream words(queries);
  for (std::string query; words >> query;) {
    std::string listed;
    std::string alone;
    const auto answer = ask("GET", kRemotes + "?" + query);
    ASSERT_EQ(answer.status, 200) << query << answer.text;
    for (const auto& row : answer.body["results"]) listed += row["name"].get<std::string>() + " ";
    for (const auto& row : all) {
      const auto one = ask("GET", row["pulp_href"].get<std::string>() + "?" + query);
      if (one.status == 200) alone += row["name"].get<std::string>() + " ";
    }
    EXPECT_EQ(listed, alone) << query;
  }
}

TEST_F(ListTest, AListOfAllKindsHasWhatTheListOfTheOnlyKindHas) {
  for (const std::string query :
       {"", "limit=2&offset=1", "ordering=-name&limit=3", "ordering=rate_limit,-pulp_created",
        "name=k-ab", "name__icontains=B&ordering=name", "name__regex=a$&limit=1",
        "pulp_label_select=env", "q=NOT%20name=k-aa&limit=2", "name__in=k-aa,k-BB&fields=name"}) {
    const auto kind = ask("GET", kRemotes + "?" + query).body;
    const auto all = ask("GET", "/pulp/api/v3/remotes/?" + query).body;
    EXPECT_EQ(all["count"], kind["count"]) << query;
    ASSERT_EQ(all["results"].size(), kind["results"].size()) << query;
    for (std::size_t i = 0; i < all["results"].size(); ++i) {
      for (const auto& [name, value] : all["results"][i].items()) {
        EXPECT_EQ(value, kind["results"][i][name]) << query << name;
      }
    }
  }
}

TEST_F(ListTest, FiltersNobodyKnowsAreNamed) {
  EXPECT_EQ(names("&foo=1&bar=2"),
            R"({"errors":["Invalid Filter: 'foo'","Invalid Filter: 'bar'"]})");
  EXPECT_EQ(names("&hf_hub_url=x"), R"({"errors":["Invalid Filter: 'hf_hub_url'"]})");
  EXPECT_EQ(names("&name__ne=x"), R"({"errors":["Invalid Filter: 'name__ne'"]})");
  EXPECT_EQ(names("&hf_token=x"), R"({"errors":["Invalid Filter: 'hf_token'"]})");
  EXPECT_EQ(names("&foo=1&ordering=foo&pulp_id__in=x&pulp_href__in=x"),
            R"({"ordering":["Select a valid choice. foo is not one of the available choices."],)"
            R"("pulp_id__in":["Enter a valid UUID."],"errors":["Invalid Filter: 'foo'"]})");
}

TEST_F(ListTest, OrderIsByAnyFieldWithTheNewestFirstAmongEquals) {
  EXPECT_EQ(names("&ordering=name"), "k-BB k-aa k-ab k-ba ");
  EXPECT_EQ(names("&ordering=-policy,name"), "k-ab k-BB k-aa k-ba ");
  EXPECT_EQ(names("&ordering=pulp_created"), "k-aa k-ab k-ba k-BB ");
  make_remote("k-limit", R"(,"rate_limit":5)");  // null is the greatest, as in PostgreSQL
  EXPECT_EQ(names("&ordering=rate_limit"), "k-limit k-BB k-ba k-ab k-aa ");
  EXPECT_EQ(names("&ordering=-rate_limit"), "k-BB k-ba k-ab k-aa k-limit ");
  EXPECT_EQ(names("&ordering=foo"),
            R"({"ordering":["Select a valid choice. foo is not one of the available choices."]})");
  for (const std::string name : {"hf_token", "hf_hub_url", "pulp_href", "hidden_fields", "-", ""}) {
    EXPECT_EQ(names("&ordering=name," + name), R"({"ordering":["Select a valid choice. )" + name +
                                                   R"( is not one of the available choices."]})");
  }
  for (const std::string name : {"base_url", "content_guard", "remote"}) {
    EXPECT_EQ(ask("GET", kDistributions + "?ordering=" + name).status, 400) << name;
  }
  EXPECT_EQ(ask("GET", kDistributions + "?ordering=checkpoint,base_path").status, 200);
}

TEST_F(ListTest, PagesAreLinkedByAbsoluteUrlsWithSortedKeys) {
  const auto page =
      ask("GET", kRemotes + "?name__startswith=k-&limit=2&offset=1&ordering=name").body;
  EXPECT_EQ(page["count"], 4);
  EXPECT_EQ(page["results"].size(), 2U);
  EXPECT_EQ(page["next"], "http://cache.example:8080" + kRemotes +
                              "?limit=2&name__startswith=k-&offset=3&ordering=name");
  EXPECT_EQ(page["previous"],
            "http://cache.example:8080" + kRemotes + "?limit=2&name__startswith=k-&ordering=name");
  EXPECT_EQ(ask("GET", kRemotes + "?limit=1&offset=3").body["previous"],
            "http://cache.example:8080" + kRemotes + "?limit=1&offset=2");
  const auto odd = ask("GET", kRemotes + "?name__startswith=k-&limit=0&offset=x").body;
  EXPECT_EQ(odd["results"].size(), 4U);
  EXPECT_EQ(odd["next"], nullptr);
  EXPECT_EQ(ask("GET", kRemotes + "?limit=9223372036854775807&offset=3").status, 200);
  EXPECT_EQ(ask("GET", kRemotes + "?limit=9223372036854775808").status, 400);  // Pulp: 500
  EXPECT_EQ(ask("GET", kRemotes + "?limit=%202").body["results"].size(), 2U);
  const auto far = ask("GET", kRemotes + "?offset=99999999999999999999").body;
  EXPECT_EQ(far["results"].size(), 0U);
  EXPECT_EQ(far["next"], nullptr);
}

TEST_F(ListTest, LinksFollowTheExternalUrlAndTrustedProxiesOnly) {
  const Fields forwarded{{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "public.example"}};
  const auto next = [&] {
    return ask("GET", kRemotes + "?limit=1", "", forwarded).body["next"].get<std::string>();
  };
  EXPECT_TRUE(next().starts_with("http://cache.example:8080/pulp/"));
  options.rest.public_name.trusted_proxies = {"127.0.0.1"};
  make_api();
  EXPECT_TRUE(next().starts_with("https://public.example/pulp/"));
  options.rest.public_name.external_url = "https://cache.corp/";
  make_api();
  EXPECT_TRUE(next().starts_with("https://cache.corp/pulp/"));
}

TEST_F(ListTest, FieldsAreChosenOrLeftOut) {
  EXPECT_EQ(ask("GET", kRemotes + "?name=k-aa&fields=name,policy").body["results"].dump(),
            R"([{"name":"k-aa","policy":"on_demand"}])");
  EXPECT_EQ(ask("GET", kRemotes + "?name=k-aa&fields=nope").body["results"].dump(), "[{}]");
  EXPECT_EQ(ask("GET", kRemotes + "?name=k-aa&fields=hidden_fields").body["results"].dump(),
            R"([{"hidden_fields":[]}])");
  EXPECT_FALSE(ask("GET", kRemotes + "?exclude_fields=url").body["results"][0].contains("url"));
}

TEST_F(ListTest, LabelsSelect) {
  EXPECT_EQ(names("&pulp_label_select=env"), "k-ab k-aa ");
  EXPECT_EQ(names("&pulp_label_select=env,!tier"), "k-ab ");
  EXPECT_EQ(names("&pulp_label_select=env=prod"), "k-aa ");
  EXPECT_EQ(names("&pulp_label_select=env!=prod"), "k-ab ");
  EXPECT_EQ(names("&pulp_label_select=env~RO"), "k-aa ");
  EXPECT_EQ(names("&pulp_label_select=comma=x%5C,y"), "k-ba ");
  EXPECT_EQ(names("&pulp_label_select=empty="), "k-ba ");
  EXPECT_EQ(names("&pulp_label_select="), R"(["Invalid search term: ''."])");
  EXPECT_EQ(names("&pulp_label_select=@"), R"(["Invalid search term: '@'."])");
  EXPECT_EQ(names("&pulp_label_select=!env=x"), R"(["Cannot use an operator with '!env'."])");
  // What follows a key is left alone when it is no operator.
  EXPECT_EQ(names("&pulp_label_select=tier@x"), "k-aa ");
  EXPECT_EQ(names("&pulp_label_select=tier!x"), "k-aa ");
}

TEST_F(ListTest, NoQueryIsTooLongForTheDatabase) {
  const auto often = [](std::string_view term, int count, std::string_view between = ",") {
    std::string text(term);
    for (int i = 1; i < count; ++i) (text += between) += term;
    return text;
  };
  const std::string labels = "pulp_label_select%3D%22" + often("!env", 50) + "%22";
  const std::string most = often(labels, 7, "%20AND%20");
  EXPECT_EQ(names("&pulp_label_select=" + often("!env", 50)), "k-BB k-ba ");
  EXPECT_EQ(names("&pulp_label_select=" + often("env", 1200)),
            R"(["Too many search terms: more than 50."])");
  EXPECT_EQ(names("&q=" + most), "k-BB k-ba ");
  EXPECT_EQ(names("&q=" + often(labels, 7, "%20OR%20")), "k-BB k-ba ");
  EXPECT_EQ(names("&q=" + often("NOT%20", 7, "") + labels), "k-ab k-aa ");
  EXPECT_EQ(names("&q=" + often("NOT%20", 31, "") + labels),
            R"({"q":["Filter expression exceeds allowed complexity."]})");
  EXPECT_EQ(names("&ordering=" + often("name", 2100)), "k-BB k-aa k-ab k-ba ");
  EXPECT_EQ(names("&ordering=-name," + often("name", 2100)), "k-ba k-ab k-aa k-BB ");
  EXPECT_EQ(names("&name__in=" + often("k-aa", 7000)), "k-aa ");
  EXPECT_EQ(names(often("&name__regex=a", 2000, "") + "&name__regex=ab"), "k-ab ");
  std::string all;
  for (const std::string lookup : {"", "__in", "__contains", "__icontains", "__startswith",
                                   "__istartswith", "__regex", "__iregex", "__iexact"}) {
    (all += "&name" + lookup) += "=k-aa";
  }
  EXPECT_EQ(names(all + "&pulp_label_select=" + often("env", 50) + "&ordering=name"), "k-aa ");
  EXPECT_EQ(names("&pulp_label_select=" + often("!tier", 50) + "&q=" + most + all), "");
}

// What a parameter is made of is no reason to fail either.
TEST_F(ListTest, AnyBytesAreAFilter) {
  for (const std::string name :
       {"name", "name__in", "name__contains", "name__icontains", "name__regex", "name__ne", "q",
        "pulp_label_select", "ordering", "fields", "limit", "pulp_href__in", "prn__in", "what",
        "pulp_id__in", "pulp_created", "pulp_created__range", "%FF"}) {
    for (const std::string value :
         {"%FF", "%00", "a%FF,b%00", "%22%FF%22", "name%3D%22%FF%22", "%C3", "env=%FF", "env=%00",
          "%ED%A0%80", "name%3D%C3", "99999999999999999999", "-1", "1e999", "nan"}) {
      for (const auto& list : {kRemotes, kDistributions, kPublications, kContent,
                               std::string("/pulp/api/v3/tasks/")}) {
        const auto status = ask("GET", list + "?" + name + "=" + value).status;
        EXPECT_TRUE(status == 200 || status == 400) << list << name << "=" << value << status;
      }
    }
  }
}

TEST_F(ListTest, ALabelWithoutValueDiffersFromEveryValue) {
  make_remote("k-null", R"(,"pulp_labels":{"n":null})");
  EXPECT_EQ(names("&pulp_label_select=n!=x"), "k-null ");
  EXPECT_EQ(names("&pulp_label_select=n="), "");
  EXPECT_EQ(names("&pulp_label_select=n~"), "");
}

TEST_F(ListTest, IdentitiesSelect) {
  const auto href = make_remote("k-id");
  const auto id = id_of(href);
  EXPECT_EQ(names("&pulp_id__in=" + id), "k-id ");
  EXPECT_EQ(names("&pulp_href__in=" + href), "k-id ");
  EXPECT_EQ(names("&prn__in=prn:hugging_face.huggingfaceremote:" + id), "k-id ");
  EXPECT_EQ(names("&pulp_href__in="), "");
  EXPECT_EQ(names("&pulp_id__in=x"), R"({"pulp_id__in":["Enter a valid UUID."]})");
  EXPECT_EQ(names("&pulp_href__in=hello"), R"(["URI not valid: hello"])");
  EXPECT_EQ(names("&prn__in=x"), R"(["Not a valid PRN: x, must start with 'prn:'"])");
  EXPECT_EQ(names("&prn__in=prn:x"), R"(["PRN not valid: ['prn', 'x']"])");
  EXPECT_EQ(names("&pulp_href__in=http://other.example" + href), "k-id ");
  EXPECT_EQ(names("&pulp_href__in=prn:hugging_face.huggingfaceremote:" + id), "k-id ");
  EXPECT_EQ(names("&pulp_href__in=" + kRemotes), "[\"URI not valid: " + kRemotes + "\"]");
}

TEST_F(ListTest, FiltersCountForOneObjectToo) {
  const auto href = make_remote("k-one");
  EXPECT_EQ(ask("GET", href + "?name=k-one").status, 200);
  EXPECT_EQ(ask("GET", href + "?name=k-two").text,
            R"({"detail":"No HuggingFaceRemote matches the given query."})");
  EXPECT_EQ(ask("PATCH", href + "?name=k-two", R"({"rate_limit":1})").status, 404);
  EXPECT_EQ(ask("PATCH", href + "?foo=1", R"({"rate_limit":1})").text,
            R"({"errors":["Invalid Filter: 'foo'"]})");
  EXPECT_EQ(ask("DELETE", href + "?foo=1").status, 400);
  EXPECT_EQ(ask("POST", href + "set_label/?foo=1", R"({"key":"a","value":"b"})").status, 400);
  EXPECT_EQ(ask("PATCH", href + "?name=k-one&fields=name", R"({"rate_limit":1})").status, 202);
}

TEST_F(ListTest, TimesSelect) {
  EXPECT_EQ(names("&pulp_last_updated__lt=2001-01-01T00:00:00Z"), "");
  EXPECT_EQ(names("&name=k-aa&pulp_last_updated__range=2001-01-01T00:00:00Z,2099-01-01"), "k-aa ");
  EXPECT_EQ(names("&pulp_last_updated__gt=x"),
            R"({"pulp_last_updated__gt":["Enter a valid date/time."]})");
}

TEST_F(ListTest, ExpressionsJoinFilters) {
  EXPECT_EQ(names("&q=name%3Dk-aa%20OR%20name%3Dk-ab"), "k-ab k-aa ");
  EXPECT_EQ(names("&q=NOT%20(name%3Dk-aa%20OR%20name%3Dk-ab)"), "k-BB k-ba ");
  EXPECT_EQ(names("&q=pulp_label_select%3D%22env%3Dprod%22%20AND%20name%3Dk-aa"), "k-aa ");
  EXPECT_EQ(names("&q=name%3Da%20AND"), R"({"q":["Syntax error in expression."]})");
  EXPECT_EQ(names("&q=name%3Da/b"), R"({"q":["Syntax error in expression."]})");
  EXPECT_EQ(names("&q=foo%3D1"), R"({"q":["Filter 'foo' does not exist."]})");
  EXPECT_EQ(names("&q=q%3Dname"), R"({"q":["You cannot use 'q' in complex filtering."]})");
  EXPECT_EQ(names("&q=name%3D'k-aa'"), "k-aa ");
  EXPECT_EQ(names("&q=name%3D%C3%89"), "");
  EXPECT_EQ(names("&q=%20%20"), names(""));
  EXPECT_EQ(names("&q=null"), names(""));
  EXPECT_EQ(names("&q=pulp_id__in%3Dx"),
            R"({"q":["{\"pulp_id__in\": [{\"message\": \"Enter a valid UUID.\", )"
            R"(\"code\": \"invalid\"}]}"]})");
  // Eight: seven filters and what joins them.
  std::string seven = "name%3Da";
  for (int i = 1; i < 7; ++i) seven += "%20OR%20name%3Da";
  EXPECT_EQ(names("&q=" + seven), "");
  EXPECT_EQ(names("&q=" + seven + "%20OR%20name%3Da"),
            R"({"q":["Filter expression exceeds allowed complexity."]})");
  EXPECT_EQ(names("&q=" + std::string(5000, '(')),
            R"({"q":["Filter expression exceeds allowed complexity."]})");
}

TEST_F(ListTest, AReferenceThatCannotBeReadIsNoFilter) {
  EXPECT_EQ(ask("GET", kDistributions + "?repository=x").text,
            R"(["URI couldn't be resolved: x"])");
  const auto remote = make_remote("k-ref");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "No value supplied for repository filter."},
      {"/x/", "URI couldn't be resolved: /x/"},
      {remote, "URI/PRN is not a valid href for repository model: " + remote},
      {"prn:x.y:z", "Model x.y does not exist"}};
  for (const auto& [value, text] : cases) {
    EXPECT_EQ(ask("GET", kDistributions + "?repository=" + value).body, Json::array({text}));
  }
  EXPECT_EQ(ask("GET",
                kDistributions + "?repository=/pulp/api/v3/repositories/hugging_face/hugging-face/")
                .body["count"],
            0);
  EXPECT_EQ(ask("GET", kTasks + "?created_resources=x").text, R"(["URI not valid: x"])");
  EXPECT_EQ(ask("GET", kTasks + "?parent_task=/x/").text, R"(["URI couldn't be resolved: /x/"])");
}

TEST_F(ListTest, AReferenceIsOfTheKindThatTheFilterIsAbout) {
  const std::string root = "/pulp/api/v3/";
  const auto remote = make_remote("k-kind");
  const auto task = make_task();
  const auto wrong = [](const std::string& name, const std::string& uri) {
    return Json::array({"URI/PRN is not a valid href for " + name + " model: " + uri});
  };
  for (const std::string name : {"parent_task", "child_tasks", "task_group"}) {
    const auto ask_for = [&](const std::string& uri) {
      return ask("GET", kTasks + "?" + name + "=" + uri).body;
    };
    EXPECT_EQ(ask_for(remote), wrong(name, remote));
    EXPECT_EQ(ask_for(kRemotes), wrong(name, kRemotes));
    const auto prn = "prn:hugging_face.huggingfaceremote:" + id_of(remote);
    EXPECT_EQ(ask_for(prn), wrong(name, prn));
    EXPECT_EQ(ask_for(kTasks + "x/"), Json::array({"UUID invalid: x"}));
    EXPECT_EQ(ask_for(kRemotes + "x/"), Json::array({"UUID invalid: x"}));  // before the kind
    EXPECT_EQ(ask_for(""), Json::array({"No value supplied for " + name + " filter."}));
  }
  EXPECT_EQ(ask("GET", kTasks + "?parent_task=" + task).body["count"], 0);
  EXPECT_EQ(ask("GET", kTasks + "?child_tasks=" + kTasks).body["count"], 0);
  EXPECT_EQ(ask("GET", kTasks + "?task_group=" + task).body, wrong("task_group", task));

  ask("POST", kRepositories, R"({"name":"r"})");
  EXPECT_EQ(ask("GET", kRepositories + "?remote=" + task).body, wrong("remote", task));
  EXPECT_EQ(ask("GET", kRepositories + "?remote=" + kRemotes + "x/").text,
            R"(["UUID invalid: x"])");
  EXPECT_EQ(ask("GET", kRepositories + "?remote=" + remote).body["count"], 0);
  for (const auto& list : {kRemotes, root + "remotes/"}) {
    EXPECT_EQ(ask("GET", kRepositories + "?remote=" + list).body["count"], 0) << list;
  }
  EXPECT_EQ(ask("GET", kRepositories + "?remote=null").body["count"], 1);
  EXPECT_EQ(ask("GET", kRepositories + "?remote=").body["count"], 1);
}

TEST_F(ListTest, AFilterByAnObjectThatIsNotThereIsRefused) {
  const auto remote = make_remote("k-there");
  const auto gone = make_distribution("gone");
  EXPECT_EQ(ask("GET", kTasks + "?created_resources=" + gone).body["count"], 1);
  ask("DELETE", gone);
  const auto not_found = [](const std::string& uri, const std::string& model) {
    return Json::array({"URI " + uri + " not found for " + model + "."});
  };
  EXPECT_EQ(ask("GET", kTasks + "?created_resources=" + gone).body,
            not_found(gone, "huggingfacedistribution"));
  EXPECT_EQ(ask("GET", kTasks + "?created_resources=").text, R"(["URI not valid: "])");
  EXPECT_EQ(ask("GET", kTasks + "?created_resources=" + kRemotes + "x/").text,
            R"(["ID invalid: x"])");

  const auto content = kContent + kZero + "/";
  const auto missing = "Could not find the following content units: ['" + content + "']";
  EXPECT_EQ(ask("GET", kDistributions + "?with_content=" + content).body,
            not_found(content, "huggingfacecontent"));
  EXPECT_EQ(ask("GET", kDistributions + "?with_content=" + remote).body["count"], 0);
  for (const std::string name : {"with_content", "latest_with_content"}) {
    for (const auto& uri : {content, remote}) {
      EXPECT_EQ(ask("GET", kRepositories + "?" + name + "=" + uri).body, not_found(uri, "content"));
    }
    EXPECT_EQ(ask("GET", kRepositories + "?" + name + "=").text,
              R"(["No value supplied for content filter"])");
  }
  for (const auto& list : {kPublications, std::string("/pulp/api/v3/repository_versions/")}) {
    EXPECT_EQ(ask("GET", list + "?content=" + content).body, Json::array({missing})) << list;
    EXPECT_EQ(ask("GET", list + "?content__in=" + content).body, Json::array({missing})) << list;
    EXPECT_EQ(ask("GET", list + "?content=x").text, R"(["URI not valid: x"])") << list;
  }
  EXPECT_EQ(ask("GET", kPublications + "?repository=" + kRepositories + kZero + "/").body,
            not_found(kRepositories + kZero + "/", "repository"));
  EXPECT_EQ(ask("GET", kContent + "?repository_version=" + remote).body,
            not_found(remote, "repositoryversion"));
  EXPECT_EQ(ask("GET", kContent + "?repository_version=").text,
            R"(["No value supplied for repository version filter"])");
}

TEST_F(ListTest, AFlagThatIsNeitherTrueNorFalseIsNoFilter) {
  const auto workers = [&](const std::string& query) {
    return ask("GET", "/pulp/api/v3/workers/?" + query).body["count"];
  };
  EXPECT_EQ(workers("online=TRUE"), 1);
  EXPECT_EQ(workers("online=0"), 0);
  EXPECT_EQ(workers("online=x"), 1);
  EXPECT_EQ(workers("missing=x"), 1);
  EXPECT_EQ(workers("missing=1"), 0);
  make_distribution("d");
  const auto all = ask("GET", kDistributions).body["count"];
  EXPECT_EQ(ask("GET", kDistributions + "?checkpoint=TRUE").body["count"], 0);
  EXPECT_EQ(ask("GET", kDistributions + "?checkpoint=False").body["count"], all);
  EXPECT_EQ(ask("GET", kDistributions + "?checkpoint=x").body["count"], all);
}

TEST_F(ListTest, OnlyWhatHasATypeIsOrderedByIt) {
  const std::string root = "/pulp/api/v3/";
  for (const std::string list :
       {"tasks/", "artifacts/", "workers/", "users/", "roles/", "repository_versions/"}) {
    EXPECT_EQ(ask("GET", root + list + "?ordering=pulp_type").status, 400) << list;
  }
  EXPECT_EQ(ask("GET", root + "users/?ordering=pulp_created").status, 400);
  EXPECT_EQ(ask("GET", root + "users/?ordering=username").status, 200);
  for (const std::string list : {"remotes/", "content/", "contentguards/core/rbac/",
                                 "repositories/hugging_face/hugging-face/"}) {
    EXPECT_EQ(ask("GET", root + list + "?ordering=-pulp_type").status, 200) << list;
  }
}

TEST_F(ListTest, TaskGroupsAreAnEmptyList) {
  const auto groups = ask("GET", "/pulp/api/v3/task-groups/?foo=1");
  EXPECT_EQ(groups.text, R"({"count":0,"next":null,"previous":null,"results":[]})");
  EXPECT_EQ(ask("PATCH", "/pulp/api/v3/task-groups/" + kZero + "/", "{}").text,
            R"({"state":["This field is required."]})");
  EXPECT_EQ(ask("GET", "/pulp/api/v3/task-groups/" + kZero + "/").text,
            R"({"detail":"No TaskGroup matches the given query."})");
}

TEST_F(ListTest, TasksAreFilteredByWhatTheyDid) {
  const auto remote = make_remote("k-task");
  const auto changed = ask("PATCH", remote, R"({"policy":"streamed"})",
                           {{"Correlation-ID", "0123456789abcdef0123456789abcdef"}});
  const auto count = [&](const std::string& query) {
    return ask("GET", kTasks + "?" + query).body["count"].get<int>();
  };
  EXPECT_EQ(count("reserved_resources=" + remote), 1);
  EXPECT_EQ(count("exclusive_resources__in=" + remote), 1);
  EXPECT_EQ(count("shared_resources=" + remote), 0);
  EXPECT_EQ(count("logging_cid=0123456789abcdef0123456789abcdef"), 1);
  EXPECT_EQ(count("name__contains=update&state=completed"), 1);
  EXPECT_EQ(count("state__ne=completed"), 0);
  EXPECT_EQ(count("worker=x"), 0);
  EXPECT_EQ(ask("GET", kTasks + "?parent_task=null").text, R"(["URI couldn't be resolved: null"])");
  const auto minimal = ask("GET", changed.body["task"].get<std::string>() + "?minimal=true").body;
  EXPECT_TRUE(minimal.contains("state"));
  EXPECT_FALSE(minimal.contains("progress_reports"));
}

}  // namespace
}  // namespace hubcache::pulp
